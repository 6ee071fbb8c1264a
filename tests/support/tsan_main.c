// tsan_main.c: runs Criterion tests where Criterion's own runner cannot, under ThreadSanitizer.
//
// libcriterion keeps its state in a memory arena at a fixed address, which the sanitizer's own map
// has already taken. So this file defines main() and the few functions of the library that a test
// reaches, and the linker prefers them. What a test file says and what the last line looks like
// stay the same; theories and redirected streams are not supported.
//
// Every test, and every parameter of a parameterized one, is a child made by fork. Its verdict is
// a page shared with the parent, because the exit status belongs to the test's own expectations.
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include <stdint.h>
// stdint.h comes first: this header of the library uses uint32_t without including it.
#include <criterion/internal/assert/types.h>
#include <criterion/theories.h>

#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// The linker collects the tests and suites of all files between these.
extern struct criterion_test *__start_cr_tst[];
extern struct criterion_test *__stop_cr_tst[];
extern struct criterion_suite *__start_cr_sts[];
extern struct criterion_suite *__stop_cr_sts[];
#pragma weak __start_cr_sts
#pragma weak __stop_cr_sts

// Written by the child, read by the parent after the child has ended.
struct verdict {
    atomic_bool failed;
    atomic_bool skipped;
};

struct tally {
    unsigned tested;
    unsigned failing;
    unsigned crashing;
};

// What the child is running: set once after fork, before the test begins.
static const struct criterion_test_extra_data *suite_data;
static const struct criterion_test *test;
static void *parameter;
static struct verdict *verdict;

// ---- what a test calls -------------------------------------------------------------------------

void
criterion_internal_test_setup(void)
{
    if (suite_data != NULL && suite_data->init != NULL) {
        suite_data->init();
    }
    if (test->data->init != NULL) {
        test->data->init();
    }
}

void
criterion_internal_test_main(void (*fn)(void))
{
    if (test->data->kind_ == CR_TEST_PARAMETERIZED) {
        ((void (*)(void *))(uintptr_t)fn)(parameter);
    } else {
        fn();
    }
}

void
criterion_internal_test_teardown(void)
{
    if (test->data->fini != NULL) {
        test->data->fini();
    }
    if (suite_data != NULL && suite_data->fini != NULL) {
        suite_data->fini();
    }
}

// An assertion may fail on any thread, so the flag is atomic. seq_cst: nothing here is hot.
void
criterion_continue_test(void)
{
    atomic_store_explicit(&verdict->failed, true, memory_order_seq_cst);
}

void
criterion_abort_test(void)
{
    criterion_continue_test();
    fflush(NULL);
    _exit(101);
}

void
criterion_skip_test(const char *format, ...)
{
    va_list args;

    fprintf(stderr, "[SKIP] %s/%s: ", test->category, test->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    atomic_store_explicit(&verdict->skipped, true, memory_order_seq_cst);
    _exit(0);
}

void
cri_asserts_passed_incr(void)
{
    // The library counts in its arena; nobody here reads the count.
}

static void
print_message(const char *message)
{
    // Criterion puts an 'x' before the format, so that an empty message is still a valid one.
    if (message != NULL && message[0] != '\0') {
        fprintf(stderr, "[----]   %s\n", message);
    }
}

static void
print_node(const struct cri_assert_node *node)
{
    if (node->repr != NULL && !node->pass) {
        fprintf(stderr, "[----]   %s\n", node->repr);
        for (int i = 0; i < CRI_ASSERT_MAX_PARAMS; i++) {
            const struct cri_assert_param *p = &node->params[i];
            if (p->name != NULL && p->data != NULL && p->type == CRI_ASSERT_RT_STR) {
                fprintf(stderr, "[----]     %s: %s\n", p->name, (const char *)p->data);
            }
        }
    }
    for (uint32_t i = 0; i < node->nchild; i++) {
        print_node(&node->children[i]);
    }
}

// The assertions of criterion/new/assert.h.
void
cri_assert_node_send(const char *file, size_t line, struct cri_assert_node *tree)
{
    fprintf(stderr, "[----] %s:%zu: Assertion Failed\n", file, line);
    print_message(tree->message);
    print_node(tree);
    criterion_continue_test();
}

// The assertions of criterion/criterion.h alone.
void
criterion_send_assert(struct criterion_assert_stats *stats)
{
    if (stats->passed) {
        return;
    }
    fprintf(stderr, "[----] %s:%u: Assertion Failed\n", stats->file, stats->line);
    print_message(stats->message);
    criterion_continue_test();
}

void
cr_log(enum criterion_severity severity, const char *format, ...)
{
    va_list args;

    (void)severity;
    fprintf(stderr, "[----] ");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
}

void *
cr_malloc(size_t size)
{
    return malloc(size);
}

void *
cr_calloc(size_t count, size_t size)
{
    return calloc(count, size);
}

void *
cr_realloc(void *memory, size_t size)
{
    return realloc(memory, size);
}

void
cr_free(void *memory)
{
    free(memory);
}

void
cr_theory_main(struct criterion_datapoints *points, size_t count, void (*fn)(void))
{
    (void)points;
    (void)count;
    (void)fn;
    criterion_skip_test("theories are not supported under ThreadSanitizer");
}

// ---- running ------------------------------------------------------------------------------------

static const struct criterion_test_extra_data *
find_suite(const char *name)
{
    if (__start_cr_sts == NULL) {
        return NULL;
    }
    for (struct criterion_suite **s = __start_cr_sts; s < __stop_cr_sts; s++) {
        if (*s != NULL && strcmp((*s)->name, name) == 0) {
            return (*s)->data;
        }
    }
    return NULL;
}

static double
now_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// Wait for the child's end; SIGCHLD is blocked, so none is lost between the look and the wait.
// False when the timeout (0 for none) passed first: then the child and what it started are killed.
static bool
wait_child(pid_t child, double timeout, const sigset_t *chld, int *status)
{
    double end = now_seconds() + timeout;

    while (waitpid(child, status, WNOHANG) == 0) {
        double left = timeout > 0 ? end - now_seconds() : 3600;
        if (left <= 0) {
            kill(-child, SIGKILL);
            waitpid(child, status, 0);
            return false;
        }
        struct timespec wait = {.tv_sec = (time_t)left};
        wait.tv_nsec = (long)((left - (double)wait.tv_sec) * 1e9);
        sigtimedwait(chld, NULL, &wait);
    }
    return true;
}

// One child: forks, waits, judges, reports.
static void
run_one(size_t index, const sigset_t *chld, const sigset_t *normal, struct tally *tally)
{
    const struct criterion_test_extra_data *own = test->data;
    const struct criterion_test_extra_data *suite = suite_data;
    // What the test says counts; what it leaves open, its suite says.
    double timeout = own->timeout > 0 || suite == NULL ? own->timeout : suite->timeout;
    int want_signal = own->signal != 0 || suite == NULL ? own->signal : suite->signal;
    int want_code = own->exit_code != 0 || suite == NULL ? own->exit_code : suite->exit_code;
    char name[256];
    int status = 0;

    snprintf(name, sizeof name, "%s/%s", test->category, test->name);
    if (own->kind_ == CR_TEST_PARAMETERIZED) {
        size_t length = strlen(name);
        snprintf(name + length, sizeof name - length, " (parameter %zu)", index);
    }
    atomic_store_explicit(&verdict->failed, false, memory_order_seq_cst);
    atomic_store_explicit(&verdict->skipped, false, memory_order_seq_cst);
    fflush(NULL);

    pid_t child = fork();
    if (child < 0) {
        perror("fork");
        exit(2);
    }
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setpgid(0, 0);
        sigprocmask(SIG_SETMASK, normal, NULL);
        test->test();
        exit(0); // not _exit: the sanitizer reports leaked threads here
    }
    setpgid(child, child); // in both, so that it is true whoever comes first

    bool in_time = wait_child(child, timeout, chld, &status);
    kill(-child, SIGKILL); // what the test left running
    if (atomic_load_explicit(&verdict->skipped, memory_order_seq_cst)) {
        return;
    }
    tally->tested++;
    bool crashed = false;
    if (!in_time) {
        fprintf(stderr, "[FAIL] %s: Timed out. (%gs)\n", name, timeout);
    } else if (WIFSIGNALED(status) && WTERMSIG(status) != want_signal) {
        fprintf(stderr, "[FAIL] %s: CRASH! (%s)\n", name, strsignal(WTERMSIG(status)));
        crashed = true;
    } else if (atomic_load_explicit(&verdict->failed, memory_order_seq_cst)) {
        fprintf(stderr, "[FAIL] %s\n", name);
    } else if (want_signal != 0 && !WIFSIGNALED(status)) {
        fprintf(stderr, "[FAIL] %s: expected signal %d, it exited\n", name, want_signal);
    } else if (WIFEXITED(status) && WEXITSTATUS(status) != want_code) {
        fprintf(stderr, "[FAIL] %s: exit status %d, expected %d\n", name, WEXITSTATUS(status),
                want_code);
        crashed = true;
    } else {
        return;
    }
    tally->failing++;
    tally->crashing += crashed;
}

static void
run_test(const sigset_t *chld, const sigset_t *normal, struct tally *tally)
{
    if (test->data->kind_ != CR_TEST_PARAMETERIZED) {
        run_one(0, chld, normal, tally);
        return;
    }
    struct criterion_test_params params = test->data->param_();
    for (size_t i = 0; i < params.length; i++) {
        parameter = (char *)params.params + i * params.size;
        run_one(i, chld, normal, tally);
    }
    if (params.cleanup != NULL) {
        params.cleanup(&params);
    }
}

// The options of Criterion's runner that are of use here. -jN is accepted and means nothing.
static const char *
read_filter(int argc, char **argv)
{
    const char *filter = "*";

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--filter") == 0 && i + 1 < argc) {
            filter = argv[++i];
        } else if (strncmp(argv[i], "--filter=", 9) == 0) {
            filter = argv[i] + 9;
        } else if (strncmp(argv[i], "-j", 2) != 0) {
            fprintf(stderr, "usage: %s [--filter SUITE/NAME]   * and ? match any\n", argv[0]);
            exit(2);
        }
    }
    return filter;
}

int
main(int argc, char **argv)
{
    const char *filter = read_filter(argc, argv);
    struct tally tally = {0};
    sigset_t chld;
    sigset_t normal;

    verdict =
        mmap(NULL, sizeof *verdict, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (verdict == MAP_FAILED) {
        perror("mmap");
        return 2;
    }
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &chld, &normal);

    for (struct criterion_test **t = __start_cr_tst; t < __stop_cr_tst; t++) {
        char name[256];
        if (*t == NULL) {
            continue;
        }
        test = *t;
        suite_data = find_suite(test->category);
        snprintf(name, sizeof name, "%s/%s", test->category, test->name);
        bool disabled = test->data->disabled || (suite_data != NULL && suite_data->disabled);
        if (!disabled && fnmatch(filter, name, 0) == 0) {
            run_test(&chld, &normal, &tally);
        }
    }
    fprintf(stderr, "[====] Synthesis: Tested: %u | Passing: %u | Failing: %u | Crashing: %u \n",
            tally.tested, tally.tested - tally.failing, tally.failing, tally.crashing);
    return tally.failing > 0 ? 1 : 0;
}
