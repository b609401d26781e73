"""What people see: a suite as a table on a terminal, as a page for a browser, and against another suite.

matrix, standing    cells by workload and allocator; geometric means, and who leads
text, tables        a suite on a terminal; command_text: of one command, sentence: its verdict in words
html, page/         a suite in a browser
changes             a suite against an earlier one; machines: whether both are of one machine
"""
