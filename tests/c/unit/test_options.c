/* options.h: every setting of the table with good and bad values; what is wrong is told in one line and changes nothing. */
#include "../check.h"
#include "options.h"

typedef struct row {
    const char *id, *env, *kind;
    uint64_t standard, low, high;
    const char *choices;
    uint64_t *value;
} row_t;

#define ROW(id, env, kind, standard, low, high, choices) {#id, env, #kind, standard, low, high, choices, &hak_options.id},
static const row_t rows[] = {HAK_SETTINGS(ROW)};
enum { ROWS = sizeof rows / sizeof *rows };

typedef struct attempt {
    const row_t *row;
    const char *text;
    uint64_t expected;
} attempt_t;

/* As the C library of this build does not run set-user-id, its answer is replaced. */
bool __wrap_hak_os_secure(void);
static bool secure;
bool __wrap_hak_os_secure(void) { return secure; }

static void clear(void) {
    for (size_t i = 0; i < ROWS; i++) unsetenv(rows[i].env);
}

static void read_one(void *argument) {
    const attempt_t *attempt = argument;
    clear();
    setenv(attempt->row->env, attempt->text, 1);
    hak_options_read();
    for (size_t i = 0; i < ROWS; i++) {
        CHECK_EQUAL(*rows[i].value, &rows[i] == attempt->row ? attempt->expected : rows[i].standard);
    }
}

static bool is_one_line(const check_end_t *end) {
    return strncmp(end->text, "hakmem: ", 8) == 0 && strchr(end->text, '\n') == end->text + end->length - 1;
}

static void accepts(const row_t *row, const char *text, uint64_t expected) {
    attempt_t attempt = {row, text, expected};
    check_end_t end = check_child(read_one, &attempt);
    if (end.status != 0 || end.length != 0) fprintf(stderr, "%s=%s: %s\n", row->env, text, end.text);
    CHECK(end.status == 0 && end.length == 0);
}

static void refuses(const row_t *row, const char *text) {
    attempt_t attempt = {row, text, row->standard};
    check_end_t end = check_child(read_one, &attempt);
    if (end.status != 0 || !is_one_line(&end)) fprintf(stderr, "%s='%s': %s\n", row->env, text, end.text);
    CHECK(end.status == 0 && is_one_line(&end));
    CHECK(strstr(end.text, row->env) != NULL);
}

static void accepts_number(const row_t *row, uint64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    accepts(row, text, value);
}
static void refuses_number(const row_t *row, uint64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    refuses(row, text);
}

static void each_number_is_taken_within_its_range_alone(void) {
    for (size_t i = 0; i < ROWS; i++) {
        const row_t *row = &rows[i];
        if (strcmp(row->kind, "INT") != 0 && strcmp(row->kind, "SIZE") != 0) continue;
        accepts_number(row, row->low);
        accepts_number(row, row->high);
        if (row->low != 0) refuses_number(row, row->low - 1);
        refuses_number(row, row->high + 1);
        static const char *const bad[] = {"", "-1", "+1", "1.5", "0x10", "x", "1 ", " 1", "0 ", "1e3",
                                          "99999999999999999999", "18446744073709551616", "18446744073709551615"};
        for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) refuses(row, bad[k]);
    }
}

static void sizes_take_one_suffix_and_integers_none(void) {
    static const char letters[] = "KMGTkmgt";
    for (size_t i = 0; i < ROWS; i++) {
        const row_t *row = &rows[i];
        bool size = strcmp(row->kind, "SIZE") == 0;
        if (!size && strcmp(row->kind, "INT") != 0) continue;
        for (size_t k = 0; k < sizeof letters - 1; k++) {
            uint64_t value = (uint64_t)1 << (10 * (k % 4 + 1));
            char text[8];
            snprintf(text, sizeof text, "1%c", letters[k]);
            if (size && value >= row->low && value <= row->high) accepts(row, text, value);
            else refuses(row, text);
        }
        refuses(row, "K");
        refuses(row, "1KB");
        refuses(row, "1KK");
        refuses(row, "1P");
        refuses(row, "18446744073709551615T");
    }
}

static void each_bool_is_0_or_1(void) {
    for (size_t i = 0; i < ROWS; i++) {
        if (strcmp(rows[i].kind, "BOOL") != 0) continue;
        accepts(&rows[i], "0", 0);
        accepts(&rows[i], "1", 1);
        refuses(&rows[i], "2");
        refuses(&rows[i], "-1");
        refuses(&rows[i], "");
        refuses(&rows[i], "maybe");
    }
}

static void each_choice_is_one_of_its_words(void) {
    for (size_t i = 0; i < ROWS; i++) {
        if (strcmp(rows[i].kind, "CHOICE") != 0) continue;
        char words[128];
        snprintf(words, sizeof words, "%s", rows[i].choices);
        uint64_t index = 0;
        for (char *word = strtok(words, "|"); word != NULL; word = strtok(NULL, "|")) accepts(&rows[i], word, index++);
        CHECK(index >= 2);
        refuses(&rows[i], rows[i].choices);
        refuses(&rows[i], "");
        refuses(&rows[i], "0");
        refuses(&rows[i], "neve");
    }
}

static void read_paths(void *argument) {
    (void)argument;
    clear();
    setenv("HAKMEM_STATS_FILE", "/some/where.%p=1", 1);
    hak_options_read();
    CHECK(strcmp(hak_options.stats_file, "/some/where.%p=1") == 0);
}

static void a_path_is_taken_as_it_is(void) {
    check_end_t end = check_child(read_paths, NULL);
    CHECK(end.status == 0 && end.length == 0);
}

static void read_unknown(void *argument) {
    clear();
    setenv(argument, "1", 1);
    hak_options_read();
    for (size_t i = 0; i < ROWS; i++) CHECK_EQUAL(*rows[i].value, rows[i].standard);
}

static void an_unknown_name_is_told_and_ignored(void) {
    static char *const names[] = {"HAKMEM_NO_SUCH", "HAKMEM_RETAIN_", "HAKMEM_RETAI", "HAKMEM_", "HAKMEM_retain"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        check_end_t end = check_child(read_unknown, names[i]);
        CHECK(end.status == 0 && is_one_line(&end));
        CHECK(strstr(end.text, names[i]) != NULL);
    }
    check_end_t other = check_child(read_unknown, "HAKME_RETAIN");
    CHECK(other.status == 0 && other.length == 0);
}

static void read_secure(void *argument) {
    (void)argument;
    secure = true;
    for (size_t i = 0; i < ROWS; i++) setenv(rows[i].env, "1", 1);
    setenv("HAKMEM_NO_SUCH", "1", 1);
    setenv("HAKMEM_STATS_FILE", "/some/where", 1);
    hak_options_read();
    for (size_t i = 0; i < ROWS; i++) CHECK_EQUAL(*rows[i].value, rows[i].standard);
    CHECK(hak_options.stats_file == NULL);
}

static void a_set_user_id_process_reads_nothing(void) {
    check_end_t end = check_child(read_secure, NULL);
    CHECK(end.status == 0 && end.length == 0);
}

CHECK_MAIN(CASE(each_number_is_taken_within_its_range_alone), CASE(sizes_take_one_suffix_and_integers_none),
           CASE(each_bool_is_0_or_1), CASE(each_choice_is_one_of_its_words), CASE(a_path_is_taken_as_it_is),
           CASE(an_unknown_name_is_told_and_ignored), CASE(a_set_user_id_process_reads_nothing))
