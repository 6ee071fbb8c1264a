/**
 * @file config.h
 * The settings of a program: a table says what there is, and a struct of the program's own is
 * filled from the defaults, a file, the environment and the arguments, the later over the earlier.
 * What is wrong is said with its place, all of it at once, and a name that nobody knows is wrong.
 *
 *     typedef struct shop_t { const char *sign; uint16_t port; tr_duration_t patience; } shop_t;
 *     static const tr_config_key_t keys[] = {
 *         {.name = "sign", TR_CONFIG_STR(shop_t, sign), .help = "what hangs over the door"},
 *         {.name = "port", TR_CONFIG_U16(shop_t, port), .fallback = "8080", .min = "1", .help = …},
 *         {.name = "store.patience", TR_CONFIG_DURATION(shop_t, patience), .fallback = "5s", …},
 *     };
 *     static const tr_config_spec_t spec = {.keys = keys, .key_count = 3, .file = "/etc/shop.ini"};
 *
 * The key store.patience is `patience = 5s` below `[store]` in the file, TROUPE_STORE_PATIENCE in
 * the environment and `--store.patience 5s` as an argument; docs/configuration.md has the rules.
 * tr_main_with reads the settings of a service; a program without tr_main reads them here. Actors
 * get them as the argument of their spawn, which copies the struct:
 *
 *     static shop_t shop;
 *     {.id = "door", .behavior = &door, .arg = &shop, .arg_size = sizeof shop},
 */
#ifndef TROUPE_CONFIG_H
#define TROUPE_CONFIG_H

#include "troupe/duration.h"
#include "troupe/error.h"
#include "troupe/export.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

TR_BEGIN_DECLS

/** What a value is; the macros below choose it together with the field. Whole numbers are decimal,
 *  without a plus, and exact. */
typedef enum tr_config_kind {
    TR_CONFIG_KIND_BOOL, // true yes on 1, false no off 0
    TR_CONFIG_KIND_U16,
    TR_CONFIG_KIND_U32,
    TR_CONFIG_KIND_U64,
    TR_CONFIG_KIND_I64,
    TR_CONFIG_KIND_F64,      // 0.5, -2, 1e-3; with a point in every locale; finite
    TR_CONFIG_KIND_STR,      // UTF-8; its bounds are lengths in bytes
    TR_CONFIG_KIND_DURATION, // a whole number and one of ns us ms s m h d
    TR_CONFIG_KIND_SIZE,     // bytes: a whole number, alone or with one of B KiB MiB GiB TiB
    TR_CONFIG_KIND_ENUM,     // one of a few texts
} tr_config_kind_t;

// The kind and the place of a field, as a part of a tr_config_key_t; the field must be of the type
// that stands there, or it does not compile.
#define TR_CONFIG_BOOL(T, field) TR_CONFIG_FIELD_(BOOL, T, field, bool)
#define TR_CONFIG_U16(T, field)  TR_CONFIG_FIELD_(U16, T, field, uint16_t)
#define TR_CONFIG_U32(T, field)  TR_CONFIG_FIELD_(U32, T, field, uint32_t)
#define TR_CONFIG_U64(T, field)  TR_CONFIG_FIELD_(U64, T, field, uint64_t)
#define TR_CONFIG_I64(T, field)  TR_CONFIG_FIELD_(I64, T, field, int64_t)
#define TR_CONFIG_F64(T, field)  TR_CONFIG_FIELD_(F64, T, field, double)
/** Owned by the tr_config; never NULL. */
#define TR_CONFIG_STR(T, field)      TR_CONFIG_FIELD_(STR, T, field, const char *)
#define TR_CONFIG_DURATION(T, field) TR_CONFIG_FIELD_(DURATION, T, field, tr_duration_t)
#define TR_CONFIG_SIZE(T, field)     TR_CONFIG_FIELD_(SIZE, T, field, size_t)
/** Which one of `choices` it is, from 0: an index that a C enum in the same order may name. */
#define TR_CONFIG_ENUM(T, field) TR_CONFIG_FIELD_(ENUM, T, field, uint32_t)

#define TR_CONFIG_FIELD_(kind_, T, field, type)                                                    \
    .kind = TR_CONFIG_KIND_##kind_,                                                                \
    .offset = offsetof(T, field) + 0 * TR_CONFIG_MATCH_(&((T *)0)->field, type)
#ifdef __cplusplus
#define TR_CONFIG_MATCH_(place, type) sizeof((place) == (type *)0)
#else
#define TR_CONFIG_MATCH_(place, type) sizeof(char[_Generic((place), type * : 1)])
#endif

/**
 * One setting. Default and bounds are written as in a file, so that units stand with them. A table
 * that is wrong, such as a default outside its bounds, fails tr_config_load with TR_EINVAL.
 */
typedef struct tr_config_key {
    const char *name;      // words of a-z and 0-9 between '.' and '-', such as store.shard-count
    tr_config_kind_t kind; // from TR_CONFIG_U32 and so on, as is
    size_t offset;         // the field
    const char *fallback;  // the default; NULL: there is none, and the setting has to be made
    const char *min;       // the smallest that is allowed; NULL: what the type can hold
    const char *max;       // and the greatest. For text they are lengths; not for bool and enum
    const char *const *choices; // of an enum: its texts, and NULL at the end
    const char *help;           // what it is for, in one line
    bool is_secret;             // never printed: shown as ***
} tr_config_key_t;

/** What can be set, and where else. Constant, and kept as long as what is read with it. */
typedef struct tr_config_spec {
    const char *program;         // for what is printed; NULL: the last part of argv[0]
    const char *about;           // what the program is, in one line of --help; may be NULL
    const char *file;            // read if it is there and no other is named; NULL: none
    const tr_config_key_t *keys; // no two with one name, in the environment neither
    uint32_t key_count;
} tr_config_spec_t;

/** Settings that have been read, or what was wrong with them. Owned by who created it. */
typedef struct tr_config tr_config;

/**
 * Prepare to read.
 * @param spec      what can be set. Borrowed until tr_config_destroy.
 * @param settings  the struct to fill, of the type that the keys were written for. Borrowed until
 *                  tr_config_load has returned.
 * @param out       owned; tr_config_destroy
 * @return TR_OK, TR_EINVAL when something is NULL, TR_ENOMEM
 * @threads any
 */
TR_API TR_MUST_CHECK tr_err_t tr_config_create(const tr_config_spec_t *spec, void *settings,
                                               tr_config **out);

/**
 * Read the file, the environment and the arguments, and fill the struct, once.
 *
 * The struct is filled as a whole on TR_OK, when nothing was asked, and not touched otherwise. Its
 * texts belong to `config`.
 *
 * @param argc       as main got them; argv[0] is the program. Borrowed.
 * @param argv       as main got them
 * @param out_asked  true: the arguments hold --help or --config-show. tr_config_text has the
 *                   answer, for standard output, and the program ends with success.
 * @return TR_OK, or
 *         TR_EFORMAT   a setting is wrong; tr_config_text says which ones, a line each, for
 *                      standard error
 *         TR_EINVAL    the table is wrong; tr_config_text says how
 *         TR_EALREADY  it has been called before
 *         TR_ENOMEM
 * @threads any, while no thread changes the environment
 * @blocks the thread, to read the file
 */
TR_API TR_MUST_CHECK tr_err_t tr_config_load(tr_config *config, int argc, char **argv,
                                             bool *out_asked);

/** What tr_config_load has to say: the answer, or what was wrong. Whole lines; empty when there is
 *  nothing. Borrowed until tr_config_destroy. @threads any */
TR_API const char *tr_config_text(const tr_config *config);

/** End it, and the texts in the struct with it. NULL is allowed. */
TR_API void tr_config_destroy(tr_config *config);

TR_END_DECLS

#endif
