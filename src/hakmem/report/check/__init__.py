"""What `hakmem check` found, shown: as text for a terminal, JSON for programs, a page for a browser."""
