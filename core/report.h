/* report.h -- writes what full checks found into the check file, a line of JSON each.
 * May use: base, bits, atomic, diag, os, lock, options, probe, json, stack, doors, ring, redzone, record, finding, witness.
 * The lines' schema is "hakmem-check/1", described in docs/reference/check-file.md. Lines are built in memory that was mapped
 * beforehand and leave with one write(2) each; the file is opened for each report, so that a program that closes all files
 * loses none. One thread reports at a time. Memory of the program is read through probe.h alone, and the heap is not used
 * (hak_witness_reports). */
#ifndef HAK_REPORT_H
#define HAK_REPORT_H

#include "finding.h"
#include "witness.h"

/* False if the file cannot be opened, which it says. */
bool hak_report_open(const char *path);
/* Writes it, and ends the process if the settings say so. */
void hak_report(const hak_finding_t *finding);
/* The first line, so that a program that never errs and never exits is known to have been checked. */
void hak_report_start(void);
void hak_report_leak(uint32_t stack, uint64_t bytes, uint64_t blocks, bool reachable);
typedef struct hak_report_figures {
    uint64_t live_bytes, live_blocks;
    uint64_t unguarded; /* blocks that guard mode could not give pages of their own */
} hak_report_figures_t;
/* The last line; without figures if the process ends by an error. */
void hak_report_end(const hak_report_figures_t *figures);
/* This thread is writing a report: a fault now is the report's own. */
bool hak_report_is_here(void);
uint64_t hak_report_errors(void);

void hak_report_before_fork(void);
void hak_report_after_fork(bool child);

#endif
