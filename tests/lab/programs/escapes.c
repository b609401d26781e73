/* escapes.c -- escapes FILE: starts a process in its own session, which has no parent that waits for it, as daemons do, and
 * another in a group of its own; writes the numbers of all to FILE, and sleeps for long. */
#define _DEFAULT_SOURCE
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int main(int count, char **words) {
    if (count != 2) return 2;
    int ends[2];
    if (pipe(ends) != 0) return 1;
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    if (fork() == 0) {
        setsid();
        pid_t daemon = fork();
        if (daemon != 0) {
            if (write(ends[1], &daemon, sizeof daemon) < 0) _exit(1);
            _exit(0);
        }
        sleep(600);
        _exit(0);
    }
    pid_t daemon, grouped = fork();
    if (grouped == 0) {
        setpgid(0, 0);
        sleep(600);
        _exit(0);
    }
    if (read(ends[0], &daemon, sizeof daemon) != sizeof daemon) return 1;
    FILE *file = fopen(words[1], "w");
    if (file == NULL) return 1;
    fprintf(file, "%d %d %d\n", (int)getpid(), (int)daemon, (int)grouped);
    fclose(file);
    for (;;) sleep(600);
}
