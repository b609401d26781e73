/* meter.c -- runs one command as a fresh process and reports what the kernel charged to it. The laboratory's
 * src/hakmem/lab/meter.py starts it and reads the report.
 *
 *   meter --report FILE --stdout FILE --stderr FILE --timeout SECONDS --interval SECONDS [option]... -- COMMAND...
 *
 *   --parent PID           end with this process, which is the meter's parent
 *   --stdin FILE           what COMMAND reads (/dev/null)
 *   --directory DIRECTORY  where it works
 *   --set NAME=VALUE       a variable for COMMAND alone; the others are the meter's own
 *   --library FILE         report whether FILE, a path without symbolic links, is in the process
 *   --output-limit BYTES   stop when it has written more
 *   --client WORD          a word of the client's command, as often as it has words: COMMAND is a server then
 *   --client-stdout FILE, --client-stderr FILE, --ready FILE, --ready-timeout SECONDS
 *
 * Why a program of its own: a child starts with the peak memory of the process that made it (the kernel keeps the larger
 * of the two images at exec), and a Python with a working set would hide every small program. The meter is static and has
 * under 1 MiB; only a COMMAND below that shows the meter's peak in place of its own.
 *
 * Nothing survives: COMMAND has a process group; what leaves it becomes the meter's child (PR_SET_CHILD_SUBREAPER); and
 * when the meter's parent ends, however that be, the meter gets SIGTERM (PR_SET_PDEATHSIG). When COMMAND has ended, or at
 * SIGTERM, SIGINT, SIGHUP or the timeout, every descendant is killed before the meter ends. Should the meter itself be
 * killed, COMMAND goes with it.
 *
 * A server is not measured by its own length: the meter waits until FILE of --ready exists (if it is a socket: listens),
 * runs the client, and sends SIGTERM to the server when that has ended.
 *
 * Sampling is on another processor where there is one, and must cost next to nothing: a sample reads a few small files,
 * takes no lock that a page fault needs, and is not repeated before SAMPLE_SHARE times its own processor time has passed,
 * so that a tree of many threads is sampled less often. Only the search for the library reads maps, until it is found.
 *
 * The report is text, a fact a line, times in nanoseconds since the exec of COMMAND:
 *   meter 1                                the version of this format
 *   refused ERRNO                          COMMAND could not be started; `done` is the only line that follows
 *   sample NS BYTES                        resident in all processes of COMMAND together
 *   library found NS | library absent NS   what was seen last; neither, if the process ended before it could be looked at
 *   asked NS                               the client was started
 *   client NS exit CODE | client NS signal NUMBER | client 0 refused ERRNO     how long it took and how it ended
 *   told NS                                the server was told to end
 *   stopped WHY                            why it was killed: timeout, output, unready, stubborn, interrupt
 *   ended NS exit CODE | ended NS signal NUMBER
 *   usage USER_US SYSTEM_US MAXRSS_KIB MINOR_FAULTS MAJOR_FAULTS VOLUNTARY INVOLUNTARY      wait4(2)
 *   cost USER_US SYSTEM_US SAMPLES         the meter's own
 *   done                                   the last line; without it the report is not whole
 * Exit code: 0 with a whole report, 2 for wrong arguments, 1 when the meter itself failed, with a line on stderr. */
#define _GNU_SOURCE
#include "process_tree.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define SECOND INT64_C(1000000000)
#define MILLISECOND INT64_C(1000000)
#define SAMPLE_SHARE 200                       /* at most 0.5 % of one processor; 15 to 60 us a sample of one process */
#define FIRST_SAMPLE (MILLISECOND / 2)         /* then at twice the time each, until the interval is reached */
#define READY_POLL (2 * MILLISECOND)
#define SERVER_GRACE (10 * SECOND)             /* from SIGTERM to SIGKILL: Redis saves nothing in the laboratory's runs */
#define REAP_LIMIT (10 * SECOND)               /* a killed process may sit in an uninterruptible call for long */
enum { WORDS_MAX = 4096 };

typedef struct {
    char **argv, **environment;
    const char *input, *output, *errors, *directory;
    pid_t pid;           /* 0 before the start */
    volatile int error;  /* errno of a start that failed; written by the child, which shares our memory until its exec */
    volatile int64_t begin;
    int64_t end;         /* 0 while it runs */
    int status;
    struct rusage usage;
} process_t;

static process_t job = {.input = "/dev/null"}, client = {.input = "/dev/null"};
static FILE *report;
static const char *library, *ready, *stopped;
static int64_t timeout, interval, ready_timeout = 30 * SECOND, output_limit = INT64_MAX, told;
static sigset_t awaited;
static long samples;
static tree_library_t library_state;
static char library_exe[TREE_EXE_BYTES];
static int64_t library_seen;
static int output_file = -1, errors_file = -1;

__attribute__((format(printf, 2, 3))) static _Noreturn void fail(int code, const char *format, ...) {
    va_list values;
    va_start(values, format);
    fputs("meter: ", stderr);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    va_end(values);
    exit(code);
}

static int64_t clock_of(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

static int64_t now(void) { return clock_of(CLOCK_MONOTONIC); }

/* ---- starting ---- */

/* In the child, which borrows our memory: only what a signal handler may call, and stores that we are to see. */
static _Noreturn void become(process_t *process) {
    static const struct rlimit no_core = {0, 0};
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &no_core);
    int ends[3] = {open(process->input, O_RDONLY), open(process->output, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600),
                   open(process->errors, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600)};
    bool usable = true;
    for (int i = 0; i < 3; i++) usable = usable && ends[i] >= 0 && dup2(ends[i], i) >= 0;
    for (int i = 0; i < 3; i++)
        if (ends[i] > 2) close(ends[i]);
    if (usable && (process->directory == NULL || chdir(process->directory) == 0)) {
        for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        process->begin = now();
        execve(process->argv[0], process->argv, process->environment);
    }
    process->error = errno;
    _exit(127);
}

/* Returns when the process has made its exec, or could not. */
static void start(process_t *process) {
    process->error = 0;
    pid_t child = vfork();
    if (child == 0) become(process);
    if (child < 0) fail(1, "cannot start a process: %s; look at the limit on processes (ulimit -u)", strerror(errno));
    process->pid = child;
}

/* ---- ending ---- */

/* Takes note of every child that has ended. False when there are no children. */
static bool reap(void) {
    for (;;) {
        int status;
        struct rusage usage;
        pid_t pid = wait4(-1, &status, WNOHANG, &usage);
        if (pid < 0) return errno != ECHILD;
        if (pid == 0) return true;
        process_t *process = pid == job.pid ? &job : pid == client.pid ? &client : NULL;
        if (process == NULL) continue;
        process->end = now();
        process->status = status;
        process->usage = usage;
    }
}

static int wait_until(int64_t moment) {
    int64_t left = moment - now();
    if (left < 0) left = 0;
    struct timespec t = {.tv_sec = left / SECOND, .tv_nsec = left % SECOND};
    return sigtimedwait(&awaited, NULL, &t);
}

static void kill_one(pid_t child, void *data) {
    (void)data;
    kill(child, SIGKILL);
}

/* A child is ours to wait for, so that its number cannot be another's by now; its own children become ours in turn. */
static void kill_all(void) {
    int64_t limit = now() + REAP_LIMIT;
    if (job.pid != 0 && job.end == 0) kill(-job.pid, SIGKILL);
    if (client.pid != 0 && client.end == 0) kill(-client.pid, SIGKILL);
    while (reap() && now() < limit) {
        tree_children(getpid(), kill_one, NULL);
        if (reap()) wait_until(now() + MILLISECOND);
    }
}

/* ---- looking ---- */

/* An exec may take the library away (env -i), and shows by another file; a fork leaves it. Without a library there is the
 * same to do, for the C library: all allocators are to be disturbed alike. */
static void look_for_library(void) {
    char exe[TREE_EXE_BYTES];
    if (job.end != 0 || !tree_exe(job.pid, exe)) return;
    if (library_state == LIBRARY_FOUND && strcmp(exe, library_exe) == 0) return;
    strcpy(library_exe, exe);
    tree_library_t state = tree_look(job.pid, library);
    if (state != LIBRARY_FOUND && tree_has(library, client.pid)) state = LIBRARY_FOUND;
    if (state == LIBRARY_UNSEEN && library_state != LIBRARY_FOUND) return;
    library_state = state;
    library_seen = now();
}

static void sample(void) {
    int64_t moment = now();
    unsigned long long resident = tree_resident(client.pid);
    if (resident != 0) {
        fprintf(report, "sample %lld %llu\n", (long long)(moment - job.begin), resident);
        samples++;
    }
    look_for_library();
}

static bool wrote_too_much(void) {
    struct stat output, errors;
    return fstat(output_file, &output) == 0 && fstat(errors_file, &errors) == 0 &&
           output.st_size + errors.st_size > output_limit;
}

/* Whether a Unix socket of the name of `path` listens, by /proc/net/unix: to connect would be a client more. The flag is
 * SO_ACCEPTCON, __SO_ACCEPTCON in the kernel's linux/net.h; the path stands there as the server wrote it. */
static bool is_listening(const char *path) {
    FILE *sockets = fopen("/proc/net/unix", "re");
    if (sockets == NULL) return true;
    const char *name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
    char line[TREE_EXE_BYTES];
    bool found = false;
    while (!found && fgets(line, sizeof line, sockets) != NULL) {
        unsigned long flags;
        int at = 0;
        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "%*s %*s %*s %lx %*s %*s %*s %n", &flags, &at) != 1 || at == 0) continue;
        const char *last = strrchr(line + at, '/') != NULL ? strrchr(line + at, '/') + 1 : line + at;
        found = (flags & 0x10000) != 0 && strcmp(last, name) == 0;
    }
    fclose(sockets);
    return found;
}

static bool is_ready(void) {
    struct stat file;
    return stat(ready, &file) == 0 && (!S_ISSOCK(file.st_mode) || is_listening(ready));
}

/* ---- the run ---- */

/* What a server needs next. Returns the time of the next look, or 0 to stop. */
static int64_t attend_server(void) {
    int64_t moment = now();
    if (client.pid == 0) {
        if (is_ready()) {
            start(&client);
            fprintf(report, "asked %lld\n", (long long)(now() - job.begin));
        } else if (moment - job.begin > ready_timeout) {
            stopped = "unready";
            return 0;
        }
        return moment + READY_POLL;
    }
    if (client.end == 0) return INT64_MAX;
    if (told == 0) {
        told = moment;
        fprintf(report, "told %lld\n", (long long)(told - job.begin));
        kill(job.pid, SIGTERM);
    }
    if (moment - told < SERVER_GRACE) return told + SERVER_GRACE;
    stopped = "stubborn";
    return 0;
}

/* Returns when the job has ended or must be. */
static void attend(void) {
    int64_t step = FIRST_SAMPLE < interval ? FIRST_SAMPLE : interval, next = job.begin + step;
    while (reap(), job.end == 0) {
        int64_t wake = job.begin + timeout;
        if (now() >= wake) {
            stopped = "timeout";
            return;
        }
        if (now() >= next) {
            int64_t before = clock_of(CLOCK_PROCESS_CPUTIME_ID);
            sample();
            if (wrote_too_much()) {
                stopped = "output";
                return;
            }
            int64_t cost = SAMPLE_SHARE * (clock_of(CLOCK_PROCESS_CPUTIME_ID) - before);
            step = 2 * step < interval ? 2 * step : interval;
            next = now() + (step == interval && cost > interval ? cost : step);
        }
        if (next < wake) wake = next;
        if (client.argv != NULL) {
            int64_t look = attend_server();
            if (look == 0) return;
            if (look < wake) wake = look;
        }
        int got = wait_until(wake);
        if (got > 0 && got != SIGCHLD) {
            stopped = "interrupt";
            return;
        }
    }
}

static void report_end(const char *word, const process_t *process) {
    bool by_signal = WIFSIGNALED(process->status);
    fprintf(report, "%s %lld %s %d\n", word, (long long)(process->end - process->begin), by_signal ? "signal" : "exit",
            by_signal ? WTERMSIG(process->status) : WEXITSTATUS(process->status));
}

static long long microseconds(struct timeval t) { return t.tv_sec * 1000000LL + t.tv_usec; }

static void report_all(void) {
    if (library != NULL && library_state != LIBRARY_UNSEEN)
        fprintf(report, "library %s %lld\n", library_state == LIBRARY_FOUND ? "found" : "absent",
                (long long)(library_seen - job.begin));
    if (client.error != 0) fprintf(report, "client 0 refused %d\n", client.error);
    else if (client.end != 0) report_end("client", &client);
    if (stopped != NULL) fprintf(report, "stopped %s\n", stopped);
    if (job.end != 0) {
        report_end("ended", &job);
        const struct rusage *usage = &job.usage;
        fprintf(report, "usage %lld %lld %ld %ld %ld %ld %ld\n", microseconds(usage->ru_utime), microseconds(usage->ru_stime),
                usage->ru_maxrss, usage->ru_minflt, usage->ru_majflt, usage->ru_nvcsw, usage->ru_nivcsw);
    }
    struct rusage own;
    getrusage(RUSAGE_SELF, &own);
    fprintf(report, "cost %lld %lld %ld\n", microseconds(own.ru_utime), microseconds(own.ru_stime), samples);
}

/* ---- arguments ---- */

static int64_t whole(const char *name, const char *text) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value <= 0) fail(2, "--%s takes a whole number, not '%s'", name, text);
    return value;
}

static int64_t duration(const char *name, const char *text) {
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds > 0 && seconds < 1e8)) fail(2, "--%s takes seconds, not '%s'", name, text);
    int64_t value = (int64_t)(seconds * (double)SECOND);
    return value > 0 ? value : 1;
}

/* The environment with `changes`, each NAME=VALUE, in place of variables of their names. */
static char **changed_environment(char **changes, int count) {
    size_t own = 0, kept = 0;
    while (environ[own] != NULL) own++;
    char **result = calloc(own + (size_t)count + 1, sizeof *result);
    if (result == NULL) fail(1, "out of memory");
    for (size_t i = 0; i < own; i++) {
        bool replaced = false;
        size_t length = strcspn(environ[i], "=") + 1;
        for (int k = 0; k < count; k++) replaced = replaced || strncmp(environ[i], changes[k], length) == 0;
        if (!replaced) result[kept++] = environ[i];
    }
    memcpy(result + kept, changes, (size_t)count * sizeof *result);
    return result;
}

static void parse(int count, char **words) {
    enum { REPORT, OUTPUT, ERRORS, TIMEOUT, INTERVAL, PARENT, INPUT, DIRECTORY, SET, LIBRARY, LIMIT, CLIENT, CLIENT_OUTPUT,
           CLIENT_ERRORS, READY, READY_TIMEOUT };
    static const char *const names[] = {"report", "stdout", "stderr", "timeout", "interval", "parent", "stdin", "directory",
                                        "set", "library", "output-limit", "client", "client-stdout", "client-stderr",
                                        "ready", "ready-timeout"};
    static struct option options[sizeof names / sizeof *names + 1];
    static char *changes[WORDS_MAX], *asks[WORDS_MAX + 1];
    int change = 0, ask = 0, parent = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        options[i] = (struct option){names[i], required_argument, NULL, (int)i};
    for (int got; (got = getopt_long(count, words, "+", options, NULL)) != -1;) {
        if (got == '?') exit(2);
        const char *name = names[got];
        switch (got) {
        case REPORT: report = fopen(optarg, "we"); break;
        case OUTPUT: job.output = optarg; break;
        case ERRORS: job.errors = optarg; break;
        case TIMEOUT: timeout = duration(name, optarg); break;
        case INTERVAL: interval = duration(name, optarg); break;
        case PARENT: parent = (int)whole(name, optarg); break;
        case INPUT: job.input = optarg; break;
        case DIRECTORY: job.directory = client.directory = optarg; break;
        case SET: changes[change++] = optarg; break;
        case LIBRARY: library = optarg; break;
        case LIMIT: output_limit = whole(name, optarg); break;
        case CLIENT: asks[ask++] = optarg; break;
        case CLIENT_OUTPUT: client.output = optarg; break;
        case CLIENT_ERRORS: client.errors = optarg; break;
        case READY: ready = optarg; break;
        case READY_TIMEOUT: ready_timeout = duration(name, optarg); break;
        }
        if (change == WORDS_MAX || ask == WORDS_MAX) fail(2, "more than %d words", WORDS_MAX - 1);
    }
    if (report == NULL || job.output == NULL || job.errors == NULL || timeout == 0 || interval == 0 || optind == count)
        fail(2, "takes --report FILE (one that can be written), --stdout, --stderr, --timeout, --interval and a command");
    if (ask > 0 && (ready == NULL || client.output == NULL || client.errors == NULL))
        fail(2, "--client takes --ready, --client-stdout and --client-stderr too");
    job.argv = words + optind;
    job.environment = changed_environment(changes, change);
    client.argv = ask > 0 ? asks : NULL;
    client.environment = environ;
    /* A parent that ended before the wish to be told was made is found out by the number. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (parent != 0 && getppid() != parent) fail(1, "the parent has ended");
}

int main(int count, char **words) {
    sigemptyset(&awaited);
    for (size_t i = 0; i < 5; i++) sigaddset(&awaited, (int[]){SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT}[i]);
    sigprocmask(SIG_BLOCK, &awaited, NULL);
    for (size_t i = 0; i < 5; i++) signal((int[]){SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT}[i], SIG_DFL);
    parse(count, words);
    prctl(PR_SET_CHILD_SUBREAPER, 1);

    fputs("meter 1\n", report);
    start(&job);
    if (job.error != 0) {
        fprintf(report, "refused %d\n", job.error);
    } else {
        output_file = open(job.output, O_RDONLY | O_CLOEXEC);
        errors_file = open(job.errors, O_RDONLY | O_CLOEXEC);
        attend();
    }
    kill_all();
    if (job.error == 0) report_all();
    fputs("done\n", report);
    if (ferror(report) != 0 || fclose(report) != 0) fail(1, "cannot write the report: %s", strerror(errno));
    return 0;
}
