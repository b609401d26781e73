"""The page for a browser: what `html` puts together.

headline    the verdict in words
overview    all ratios at a glance, as tables
figures     all figures, as a table
machine     the host, the allocators, the command
payload     the figures as JSON for the scripts
palette     a colour and a symbol for each allocator
frame       what all pages have around that
quantities, markup
frame.html, template.html, style.css, scripts/, vendor/ (the charting library, see tools/vendor-charts)
"""
