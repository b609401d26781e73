"""`hakmem check`: what the debug flavour recorded, made into findings that name lines of source.

Bottom up; none of these prints.

fields        one JSON object, read field by field, with errors that name the field
records       what the core writes (hakmem-check/1), as typed data
lines         a line of it, made a record
reader        the file of a running program: whole lines alone, and what could not be read
processes     whose modules and stacks a record means: processes fork, exec and share one file
debug_files   where the debug information of a module is
elf_symbols   names and lines out of ELF files, without another program
tools         llvm-symbolizer and addr2line
symbols       which of them answers, asked in batches
stacks        native and Python frames as one stack, the useful ones first
findings      errors with their stacks; repeats are counted
leaks         what was lost at the end, by stack
suppressions  rules by which errors are left out
result        all that was found
collector     records in, findings out, while the program runs
watch         the program's life: signals passed on, how it ended
"""
