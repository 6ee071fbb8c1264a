// config_memory_test.c: the allocation that fails, at every place in turn. The linker puts these in
// front of the C library's, for the library under test as well.
#include "config_kit.h"

TestSuite(config_no_memory, .timeout = 10, .init = shop_enter, .fini = shop_leave);

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);

static size_t fail_after = SIZE_MAX; // allocations that succeed before one fails
static size_t failures;

static bool
is_refused(void)
{
    if (fail_after != SIZE_MAX && fail_after-- == 0) {
        fail_after = SIZE_MAX;
        failures++;
        return true;
    }
    return false;
}

void *
__wrap_malloc(size_t size)
{
    return is_refused() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
    return is_refused() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *memory, size_t size)
{
    return is_refused() ? NULL : __real_realloc(memory, size);
}

// True: it needed no more allocations than these.
static bool
survives(char **argv, int argc, size_t after, tr_err_t wanted)
{
    shop_t shop;
    tr_config *config = NULL;
    bool is_asked = false;
    size_t before = failures;
    memset(&shop, 0x5a, sizeof shop);
    fail_after = after;
    tr_err_t err = tr_config_create(&shop_spec, &shop, &config);
    if (err == TR_OK) {
        err = tr_config_load(config, argc, argv, &is_asked);
    }
    fail_after = SIZE_MAX;
    bool has_failed = failures != before;
    cr_expect(err == (has_failed ? TR_ENOMEM : wanted), "after %zu: %s", after, tr_errname(err));
    cr_expect(err == TR_OK || is_untouched(&shop), "after %zu: something was filled in", after);
    tr_config_destroy(config);
    return !has_failed;
}

static void
at_every_place(char **argv, int argc, tr_err_t wanted)
{
    size_t after = 0;
    while (!survives(argv, argc, after, wanted)) {
        after++;
    }
    cr_expect(after > SHOP_KEYS, "only %zu places", after);
}

Test(config_no_memory, is_told_and_leaves_nothing_half_done)
{
    char *set[] = {(char *)"shop", (char *)"--config=shop.ini", (char *)"--sign=a"};
    char *wrong[] = {(char *)"shop", (char *)"--port=x", (char *)"--elephant"};
    char *show[] = {(char *)"shop", (char *)"--config-show"};
    char *help[] = {(char *)"shop", (char *)"--help"};
    shop_write("shop.ini", "port = 1\n[store]\nshards = 2\n", 28);
    at_every_place(set, 3, TR_OK);
    unlink("shop.ini");
    at_every_place(wrong, 3, TR_EFORMAT);
    at_every_place(show, 2, TR_OK);
    at_every_place(help, 2, TR_OK);
}
