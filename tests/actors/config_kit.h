// config_kit.h: a shop with a setting of every kind, and attempts to read its settings in a folder
// of its own.
#ifndef TROUPE_TESTS_CONFIG_KIT_H
#define TROUPE_TESTS_CONFIG_KIT_H

#include "check.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "troupe/config.h"

typedef enum colour { RED, GREEN, BLUE } colour;

typedef struct shop_t {
    uint16_t port;
    const char *sign;
    bool is_open;
    colour door;
    int64_t tilt;
    double ratio;
    uint64_t visits;
    uint32_t shards;
    tr_duration_t patience;
    size_t cache;
    const char *token;
} shop_t;

static const char *const shop_colours[] = {"red", "green", "blue", NULL};

#define SHOP_KEYS 11
static const tr_config_key_t shop_keys[SHOP_KEYS] = {
    {.name = "port",
     TR_CONFIG_U16(shop_t, port),
     .fallback = "8080",
     .min = "1",
     .help = "where it is"},
    {.name = "sign",
     TR_CONFIG_STR(shop_t, sign),
     .fallback = "open",
     .max = "8",
     .help = "what hangs over the door"},
    {.name = "open", TR_CONFIG_BOOL(shop_t, is_open), .fallback = "yes", .help = "is it open"},
    {.name = "door.colour",
     TR_CONFIG_ENUM(shop_t, door),
     .fallback = "green",
     .choices = shop_colours,
     .help = "the colour of the door"},
    {.name = "tilt",
     TR_CONFIG_I64(shop_t, tilt),
     .fallback = "0",
     .min = "-90",
     .max = "90",
     .help = "degrees"},
    {.name = "ratio",
     TR_CONFIG_F64(shop_t, ratio),
     .fallback = "0.5",
     .min = "0",
     .max = "1",
     .help = "of one to the other"},
    {.name = "visits", TR_CONFIG_U64(shop_t, visits), .fallback = "0", .help = "so far"},
    {.name = "store.shards",
     TR_CONFIG_U32(shop_t, shards),
     .fallback = "4",
     .min = "1",
     .max = "32",
     .help = "actors that share the keys"},
    {.name = "store.patience",
     TR_CONFIG_DURATION(shop_t, patience),
     .fallback = "5s",
     .min = "1ms",
     .help = "how long it waits"},
    {.name = "store.cache-size",
     TR_CONFIG_SIZE(shop_t, cache),
     .fallback = "64KiB",
     .max = "1GiB",
     .help = "what it keeps"},
    {.name = "token",
     TR_CONFIG_STR(shop_t, token),
     .fallback = "",
     .max = "12",
     .help = "what opens the till",
     .is_secret = true},
};

static const tr_config_spec_t shop_spec = {
    .about = "A shop.", .file = "default.ini", .keys = shop_keys, .key_count = SHOP_KEYS};

// What is tried: all of it optional.
typedef struct attempt_t {
    const char *args[8];
    const char *env[4];   // NAME=value
    const char *file;     // the contents of shop.ini
    size_t file_size;     // 0: up to its end
    const char *fallback; // the contents of default.ini
} attempt_t;

// And what came of it; attempt_fini.
typedef struct outcome_t {
    tr_err_t err;
    bool is_asked;
    shop_t shop;
    tr_config *config;
} outcome_t;

// Every test is a process: it goes where no other one is.
static inline void
shop_enter(void)
{
    char folder[] = "/tmp/troupe-config-XXXXXX";
    cr_assert(mkdtemp(folder) != NULL && chdir(folder) == 0);
}

static inline void
shop_leave(void)
{
    char folder[PATH_MAX];
    unlink("shop.ini");
    unlink("default.ini");
    cr_expect(getcwd(folder, sizeof folder) != NULL && chdir("/") == 0 && rmdir(folder) == 0);
}

static inline void
shop_write(const char *name, const char *bytes, size_t size)
{
    FILE *file = fopen(name, "w");
    cr_assert(file != NULL && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

static inline void
put_env(const char *assignment)
{
    char name[128];
    const char *equals = strchr(assignment, '=');
    snprintf(name, sizeof name, "%.*s", (int)(equals - assignment), assignment);
    cr_assert(setenv(name, equals + 1, 1) == 0);
}

static inline void
drop_env(const char *assignment)
{
    char name[128];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(assignment, "="), assignment);
    unsetenv(name);
}

static inline outcome_t
attempt_with(const tr_config_spec_t *spec, const attempt_t *a)
{
    outcome_t o = {.is_asked = false};
    char *argv[16] = {(char *)"/usr/bin/shop"};
    int argc = 1;
    unlink("shop.ini");
    unlink("default.ini");
    if (a->fallback != NULL) {
        shop_write("default.ini", a->fallback, strlen(a->fallback));
    }
    if (a->file != NULL) {
        shop_write("shop.ini", a->file, a->file_size != 0 ? a->file_size : strlen(a->file));
        argv[argc++] = (char *)"--config=shop.ini";
    }
    for (int i = 0; i < 8 && a->args[i] != NULL; i++) {
        argv[argc++] = (char *)a->args[i];
    }
    for (int i = 0; i < 4 && a->env[i] != NULL; i++) {
        put_env(a->env[i]);
    }
    memset(&o.shop, 0x5a, sizeof o.shop);
    assert_ok(tr_config_create(spec, &o.shop, &o.config));
    o.err = tr_config_load(o.config, argc, argv, &o.is_asked);
    for (int i = 0; i < 4 && a->env[i] != NULL; i++) {
        drop_env(a->env[i]);
    }
    return o;
}

static inline outcome_t
attempt(const attempt_t *a)
{
    return attempt_with(&shop_spec, a);
}

static inline void
outcome_fini(outcome_t *o)
{
    tr_config_destroy(o->config);
}

static inline bool
is(const char *text, const char *wanted)
{
    return strcmp(text, wanted) == 0;
}

static inline void
expect_text(const char *text, const char *wanted)
{
    cr_expect(is(text, wanted), "it says\n%s and not\n%s", text, wanted);
}

// Nothing was written into the struct.
static inline bool
is_untouched(const shop_t *shop)
{
    const unsigned char *bytes = (const unsigned char *)shop;
    for (size_t i = 0; i < sizeof *shop; i++) {
        if (bytes[i] != 0x5a) {
            return false;
        }
    }
    return true;
}

#endif
