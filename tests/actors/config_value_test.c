// config_value_test.c: values of every kind, written and read again; texts that are nearly values,
// judged by other means; and files of rubbish.
#include "config_kit.h"

#include <locale.h>

#include "property.h"

TestSuite(config_value, .timeout = 20, .init = shop_enter, .fini = shop_leave);

static const tr_config_key_t wide_keys[] = {
    {.name = "u16", TR_CONFIG_U16(shop_t, port), .fallback = "0", .help = "it"},
    {.name = "u32", TR_CONFIG_U32(shop_t, shards), .fallback = "0", .help = "it"},
    {.name = "u64", TR_CONFIG_U64(shop_t, visits), .fallback = "0", .help = "it"},
    {.name = "i64", TR_CONFIG_I64(shop_t, tilt), .fallback = "0", .help = "it"},
    {.name = "f64", TR_CONFIG_F64(shop_t, ratio), .fallback = "0", .help = "it"},
    {.name = "duration", TR_CONFIG_DURATION(shop_t, patience), .fallback = "0s", .help = "it"},
    {.name = "size", TR_CONFIG_SIZE(shop_t, cache), .fallback = "0", .help = "it"},
};
static const tr_config_spec_t wide_spec = {.keys = wide_keys, .key_count = 7};

enum { U16, U32, U64, I64, F64, DURATION, SIZE };

// By argument. False: it is no value.
static bool
read_wide(int kind, const char *text, shop_t *out)
{
    char argument[160];
    bool is_asked;
    tr_config *config;
    snprintf(argument, sizeof argument, "--%s=%s", wide_keys[kind].name, text);
    char *argv[] = {(char *)"wide", argument, NULL};
    assert_ok(tr_config_create(&wide_spec, out, &config));
    tr_err_t err = tr_config_load(config, 2, argv, &is_asked);
    tr_config_destroy(config);
    return err == TR_OK;
}

// ---- there and back

// A number of any size: as many bits of these as the third argument says.
static uint64_t
number_of(const property_op *op)
{
    uint64_t n = (uint64_t)op->args[0] << 32 | op->args[1];
    return op->args[2] == 0 ? 0 : n >> (64 - op->args[2]);
}

typedef struct unit_t {
    const char *name;
    uint64_t worth;
} unit_t;

static const unit_t units[] = {
    {"ns", 1},
    {"us", 1000},
    {"ms", 1000000},
    {"s", UINT64_C(1000000000)},
    {"m", UINT64_C(60000000000)},
    {"h", UINT64_C(3600000000000)},
    {"d", UINT64_C(86400000000000)},
    {"", 1},
    {"B", 1},
    {"KiB", UINT64_C(1) << 10},
    {"MiB", UINT64_C(1) << 20},
    {"GiB", UINT64_C(1) << 30},
    {"TiB", UINT64_C(1) << 40},
};
enum { DURATIONS = 7, UNITS = 13 };

// The true answer, in what is wide enough for it.
__extension__ typedef unsigned __int128 wide_t;

static bool
fits_unit(uint64_t n, uint32_t at, uint64_t *out)
{
    wide_t all = (wide_t)n * units[at].worth;
    *out = (uint64_t)all;
    return all <= (at < DURATIONS ? (uint64_t)INT64_MAX - 1 : SIZE_MAX);
}

static bool
goes_there_and_back(const property_op *op, char *why, size_t why_size)
{
    shop_t shop;
    char text[64];
    uint64_t n = number_of(op);
    uint64_t wanted = n;
    bool fits = true;
    uint64_t got = 0;
    bool is_read;
    if (op->code == DURATION || op->code == SIZE) {
        uint32_t at = op->code == DURATION ? (uint32_t)(n % DURATIONS)
                                           : DURATIONS + (uint32_t)(n % (UNITS - DURATIONS));
        fits = fits_unit(n, at, &wanted);
        snprintf(text, sizeof text, "%" PRIu64 "%s", n, units[at].name);
        is_read = read_wide((int)op->code, text, &shop);
        got = op->code == DURATION ? (uint64_t)shop.patience.ns : shop.cache;
    } else if (op->code == I64) {
        snprintf(text, sizeof text, "%" PRId64, (int64_t)n);
        is_read = read_wide(I64, text, &shop);
        got = (uint64_t)shop.tilt;
    } else if (op->code == F64) {
        double real;
        memcpy(&real, &n, sizeof real);
        snprintf(text, sizeof text, "%.17g", real);
        fits = strpbrk(text, "in") == NULL; // inf and nan
        is_read = read_wide(F64, text, &shop);
        memcpy(&got, &shop.ratio, sizeof got);
    } else {
        fits = n <= (op->code == U16 ? UINT16_MAX : op->code == U32 ? UINT32_MAX : UINT64_MAX);
        snprintf(text, sizeof text, "%" PRIu64, n);
        is_read = read_wide((int)op->code, text, &shop);
        got = op->code == U16 ? shop.port : op->code == U32 ? shop.shards : shop.visits;
    }
    snprintf(why, why_size, "%s of %s: %s, %" PRIu64 " for %" PRIu64, wide_keys[op->code].name,
             text, is_read ? "read" : "refused", got, wanted);
    return is_read == fits && (!is_read || got == wanted);
}

static bool
all_go_there_and_back(const property_op *ops, size_t count, char *why, size_t why_size)
{
    for (size_t i = 0; i < count; i++) {
        if (!goes_there_and_back(&ops[i], why, why_size)) {
            return false;
        }
    }
    return true;
}

#define NUMBER_KIND(kind)                                                                          \
    {                                                                                              \
        .name = #kind, .weight = 1, .args = 3, .below = { UINT32_MAX, UINT32_MAX, 65 }             \
    }

Test(config_value, number_that_is_written_is_the_one_that_is_read)
{
    static const property_kind kinds[] = {
        [U16] = NUMBER_KIND(u16),   [U32] = NUMBER_KIND(u32), [U64] = NUMBER_KIND(u64),
        [I64] = NUMBER_KIND(i64),   [F64] = NUMBER_KIND(f64), [DURATION] = NUMBER_KIND(duration),
        [SIZE] = NUMBER_KIND(size),
    };
    static const property p = {.name = "config_numbers",
                               .kinds = kinds,
                               .kind_count = 7,
                               .ops_max = 50,
                               .runs = 1000,
                               .run = all_go_there_and_back};
    PROPERTY_HOLDS(&p);
}

typedef struct edge_t {
    int kind;
    const char *text;
    bool is_value;
} edge_t;

Test(config_value, edges_are_exact)
{
    static const edge_t edges[] = {
        {U16, "65535", true},
        {U16, "65536", false},
        {U16, "000000000000000000000000065535", true},
        {U32, "4294967295", true},
        {U32, "4294967296", false},
        {U64, "18446744073709551615", true},
        {U64, "18446744073709551616", false},
        {U64, "18446744073709551620", false},
        {U64, "184467440737095516150", false},
        {U64, "-0", false},
        {I64, "9223372036854775807", true},
        {I64, "9223372036854775808", false},
        {I64, "-9223372036854775808", true},
        {I64, "-9223372036854775809", false},
        {I64, "-0", true},
        {F64, "1.7976931348623157e308", true},
        {F64, "1.8e308", false},
        {DURATION, "9223372036854775806ns", true},
        {DURATION, "9223372036854775807ns", false},
        {DURATION, "106751d", true},
        {DURATION, "106752d", false},
        {DURATION, "0ns", true},
        {DURATION, "1s1", false},
        {DURATION, "s", false},
        {SIZE, "16777215TiB", true},
        {SIZE, "16777216TiB", false},
        {SIZE, "18446744073709551615B", true},
        {SIZE, "1kiB", false},
    };
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        shop_t shop;
        bool is_value = read_wide(edges[i].kind, edges[i].text, &shop);
        cr_expect(is_value == edges[i].is_value, "%s %s", wide_keys[edges[i].kind].name,
                  edges[i].text);
    }
}

// A program's own locale may write a comma there.
Test(config_value, point_is_a_point_in_every_locale)
{
    static const char *const names[] = {"C", "de_DE.UTF-8", "fr_FR.UTF-8"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        shop_t shop;
        setlocale(LC_ALL, names[i]); // where there is no such locale, the one before it is tried
        cr_expect(read_wide(F64, "0.25", &shop));
        cr_expect(shop.ratio > 0.249 && shop.ratio < 0.251);
        cr_expect(read_wide(F64, "0,25", &shop) == false);
    }
}

// ---- rubbish

enum { BYTE, WORD };

static const char *const words[] = {
    "port",  "=",    ":",      "[store]",    "[door]", "\n",   " ",  ";",
    "#",     "1",    "shards", "store",      ".",      "[",    "]",  "\r\n",
    "red",   "5s",   "colour", "port = 1\n", "\t",     "\xff", "-",  "\xef\xbb\xbf",
    "token", "sign", "64KiB",  "\n\n",       "tilt",   "true", "no", "\n ",
};

// It is read or it is refused, with words that a terminal can stand; and the same is refused again.
static bool
is_judged(const property_op *ops, size_t count, char *why, size_t why_size)
{
    static char text[16384];
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        if (ops[i].code == BYTE) {
            text[size++] = (char)ops[i].args[0];
        } else {
            size_t length = strlen(words[ops[i].args[0]]);
            memcpy(text + size, words[ops[i].args[0]], length);
            size += length;
        }
    }
    outcome_t o = attempt(&(attempt_t){.file = text, .file_size = size});
    bool is_told = tr_config_text(o.config)[0] != '\0';
    bool is_clean = true;
    for (const char *c = tr_config_text(o.config); *c != '\0'; c++) {
        is_clean = is_clean && (*c == '\n' || (unsigned char)*c >= ' ') && *c != 0x7f;
    }
    snprintf(why, why_size, "%s, and it says: %.200s", tr_errname(o.err), tr_config_text(o.config));
    bool is_right =
        is_clean && (o.err == TR_OK ? !is_told && !is_untouched(&o.shop)
                                    : o.err == TR_EFORMAT && is_told && is_untouched(&o.shop));
    outcome_fini(&o);
    return is_right;
}

Test(config_value, file_of_rubbish_is_refused_in_words)
{
    static const property_kind kinds[] = {
        [BYTE] = {.name = "byte", .weight = 1, .args = 1, .below = {256}},
        [WORD] = {.name = "word", .weight = 12, .args = 1, .below = {sizeof words / sizeof *words}},
    };
    static const property p = {.name = "config_rubbish",
                               .kinds = kinds,
                               .kind_count = 2,
                               .ops_max = 200,
                               .runs = 1500,
                               .run = is_judged};
    PROPERTY_HOLDS(&p);
}
