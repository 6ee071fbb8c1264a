// config_test.c: settings from everywhere: what is wrong with them first, to the letter.
#include "config_kit.h"

TestSuite(config, .timeout = 10, .init = shop_enter, .fini = shop_leave);

// ---- what is wrong

typedef struct wrong_t {
    attempt_t attempt;
    const char *complaint; // without the program's name
} wrong_t;

static void
expect_wrong(const wrong_t *w, size_t index)
{
    char text[2048];
    snprintf(text, sizeof text, "shop: %s\nshop: shop --help lists the settings\n", w->complaint);
    outcome_t o = attempt(&w->attempt);
    cr_expect(o.err == TR_EFORMAT, "row %zu: %s", index, tr_errname(o.err));
    cr_expect(strcmp(tr_config_text(o.config), text) == 0, "row %zu: it says\n%s and not\n%s",
              index, tr_config_text(o.config), text);
    cr_expect(is_untouched(&o.shop), "row %zu: something was filled in", index);
    outcome_fini(&o);
}

#define EXPECT_WRONG(rows)                                                                         \
    for (size_t i_ = 0; i_ < sizeof(rows) / sizeof *(rows); i_++) {                                \
        expect_wrong(&(rows)[i_], i_);                                                             \
    }

#define ARG(value, says)                                                                           \
    {                                                                                              \
        {.args = {value}}, says                                                                    \
    }
#define ENV(value, says)                                                                           \
    {                                                                                              \
        {.env = {value}}, says                                                                     \
    }
#define INI(text, says)                                                                            \
    {                                                                                              \
        {.file = text}, "shop.ini:" says                                                           \
    }

#define PORT "expected a whole number, 1 to 65535, not "

Test(config, value_that_is_none_is_told_with_what_was_expected)
{
    static const wrong_t rows[] = {
        ARG("--port=0", "--port: " PORT "'0'"),
        ARG("--port=65536", "--port: " PORT "'65536'"),
        ARG("--port=99999999999999999999", "--port: " PORT "'99999999999999999999'"),
        ARG("--port=-1", "--port: " PORT "'-1'"),
        ARG("--port=+1", "--port: " PORT "'+1'"),
        ARG("--port=", "--port: " PORT "''"),
        ARG("--port= 1", "--port: " PORT "' 1'"),
        ARG("--port=1 ", "--port: " PORT "'1 '"),
        ARG("--port=1x", "--port: " PORT "'1x'"),
        ARG("--port=0x10", "--port: " PORT "'0x10'"),
        ARG("--port=1e3", "--port: " PORT "'1e3'"),
        ARG("--port=\x1b[2J\xff", "--port: " PORT "'\\x1b[2J\\xff'"),
        ENV("TROUPE_PORT=zero", "TROUPE_PORT: " PORT "'zero'"),
        ENV("TROUPE_PORT=", "TROUPE_PORT: " PORT "''"),
        INI("\n port = zero", "2: port: " PORT "'zero'"),
        INI("port =", "1: port: " PORT "''"),
        ARG("--visits=18446744073709551616",
            "--visits: expected a whole number, 0 to 18446744073709551615, not "
            "'18446744073709551616'"),
        ARG("--tilt=-91", "--tilt: expected a whole number, -90 to 90, not '-91'"),
        ARG("--tilt=-9223372036854775809",
            "--tilt: expected a whole number, -90 to 90, not '-9223372036854775809'"),
        ARG("--tilt=--1", "--tilt: expected a whole number, -90 to 90, not '--1'"),
        ARG("--tilt=-", "--tilt: expected a whole number, -90 to 90, not '-'"),
        ARG("--ratio=1.5", "--ratio: expected a number, 0 to 1, not '1.5'"),
        ARG("--ratio=nan", "--ratio: expected a number, 0 to 1, not 'nan'"),
        ARG("--ratio=inf", "--ratio: expected a number, 0 to 1, not 'inf'"),
        ARG("--ratio=0x1p-1", "--ratio: expected a number, 0 to 1, not '0x1p-1'"),
        ARG("--ratio=.5", "--ratio: expected a number, 0 to 1, not '.5'"),
        ARG("--ratio=1.", "--ratio: expected a number, 0 to 1, not '1.'"),
        ARG("--ratio=1e", "--ratio: expected a number, 0 to 1, not '1e'"),
        ARG("--ratio=0,5", "--ratio: expected a number, 0 to 1, not '0,5'"),
        ARG("--open=maybe", "--open: expected true or false, not 'maybe'"),
        ARG("--open=TRUE", "--open: expected true or false, not 'TRUE'"),
        ARG("--door.colour=pink", "--door.colour: expected one of red, green or blue, not 'pink'"),
        ARG("--store.patience=5",
            "--store.patience: expected a duration such as 200ms or 5s, 1ms or more, not '5'"),
        ARG("--store.patience=999us",
            "--store.patience: expected a duration such as 200ms or 5s, 1ms or more, not '999us'"),
        // INT64_MAX ns are TR_FOREVER.
        ARG("--store.patience=9223372036854775807ns",
            "--store.patience: expected a duration such as 200ms or 5s, 1ms or more, not "
            "'9223372036854775807ns'"),
        ARG("--store.patience=18446744073709551615d",
            "--store.patience: expected a duration such as 200ms or 5s, 1ms or more, not "
            "'18446744073709551615d'"),
        ARG("--store.cache-size=1KB",
            "--store.cache-size: expected a size such as 64KiB, 1GiB or less, not '1KB'"),
        ARG("--store.cache-size=1073741825",
            "--store.cache-size: expected a size such as 64KiB, 1GiB or less, not '1073741825'"),
        ARG("--store.cache-size=18446744073709551615TiB",
            "--store.cache-size: expected a size such as 64KiB, 1GiB or less, not "
            "'18446744073709551615TiB'"),
        ARG("--sign=closed up", NULL),
        ARG("--sign=\xc3\x28", "--sign: expected UTF-8 text, 8 bytes or less, not '\\xc3('"),
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        wrong_t row = rows[i];
        if (row.complaint == NULL) { // the longest one is fine, one more is not
            outcome_t o = attempt(&(attempt_t){.args = {"--sign=eight888"}});
            assert_ok(o.err);
            outcome_fini(&o);
            row.attempt.args[0] = "--sign=nine99999";
            row.complaint = "--sign: expected UTF-8 text, 8 bytes or less, not 'nine99999'";
        }
        expect_wrong(&row, i);
    }
}

Test(config, name_that_nobody_knows_is_wrong_and_the_nearest_one_is_told)
{
    static const wrong_t rows[] = {
        ARG("--prot=1", "--prot: unknown argument; did you mean --port?"),
        ARG("--shards=1", "--shards: unknown argument; did you mean --store.shards?"),
        ARG("--no-opne", "--no-opne: unknown argument; did you mean --no-open?"),
        ARG("--no-port", "--no-port: unknown argument"),
        ARG("--confg=x", "--confg: unknown argument; did you mean --config?"),
        ARG("--hepl", "--hepl: unknown argument; did you mean --help?"),
        ARG("--elephant", "--elephant: unknown argument"),
        ARG("--", "--: unknown argument"),
        ARG("--=1", "--: unknown argument"),
        ARG("--PORT=1", "--PORT: unknown argument"),
        ARG("elephant", "unexpected argument 'elephant'"),
        ARG("-p", "unexpected argument '-p'"),
        ARG("", "unexpected argument ''"),
        {{.args = {"--elephant", "grey"}}, "--elephant: unknown argument"},
        {{.args = {"--open", "true"}}, "unexpected argument 'true'"},
        ENV("TROUPE_PROT=1", "TROUPE_PROT: unknown variable; did you mean TROUPE_PORT?"),
        ENV("TROUPE_STORE_SHARD=1",
            "TROUPE_STORE_SHARD: unknown variable; did you mean TROUPE_STORE_SHARDS?"),
        ENV("TROUPE_CONFIGS=1", "TROUPE_CONFIGS: unknown variable; did you mean TROUPE_CONFIG?"),
        ENV("TROUPE_ELEPHANT=", "TROUPE_ELEPHANT: unknown variable"),
        ENV("TROUPE_=", "TROUPE_: unknown variable"),
        INI("prot = 1", "1: unknown key prot; did you mean port?"),
        INI("[stroe]\nshards = 1", "2: unknown key stroe.shards; did you mean store.shards?"),
        INI("[door]\nport = 1", "2: unknown key door.port; did you mean port?"),
        INI("[store]\nelephant : grey", "2: unknown key store.elephant"),
        INI("PORT = 1", "1: unknown key PORT"),
        INI("= 1", "1: unknown key "),
        INI("config = x", "1: unknown key config"),
    };
    EXPECT_WRONG(rows);
}

Test(config, argument_that_is_not_complete_is_wrong)
{
    static const wrong_t rows[] = {
        ARG("--port", "--port needs a value: expected a whole number, 1 to 65535"),
        {{.args = {"--port", "--open"}},
         "--port needs a value: expected a whole number, 1 to 65535"},
        ARG("--config-show=1", "--config-show takes no value"),
        ARG("--no-open=1", "--no-open takes no value"),
        ARG("--config", "--config: expected the name of a file"),
        ARG("--config=", "--config: expected the name of a file"),
        ENV("TROUPE_CONFIG=", "TROUPE_CONFIG: expected the name of a file"),
        {{.args = {"--port", "1", "--port=1"}}, "--port is given twice"},
        {{.args = {"--open", "--no-open"}}, "--open is given twice"},
        {{.file = "", .args = {"--config", "shop.ini"}}, "--config is given twice"},
    };
    EXPECT_WRONG(rows);
}

Test(config, line_of_a_file_that_would_be_misread_is_wrong)
{
    static const wrong_t rows[] = {
        INI("port", "1: expected [section] or name = value"),
        INI("port 1\n", "1: expected [section] or name = value"),
        INI("[store", "1: a section is written [name], alone on its line"),
        INI("[]", "1: a section is written [name], alone on its line"),
        INI("[store] shards = 1", "1: a section is written [name], alone on its line"),
        INI("[st]ore]", "1: a section is written [name], alone on its line"),
        // What stands below a heading that is wrong belongs nowhere, and is not looked at.
        INI("[store\nshards = 99\nelephant = 1",
            "1: a section is written [name], alone on its line"),
        INI("port = 1 ; the usual", "1: a comment needs a line of its own"),
        INI("sign = ;", "1: a comment needs a line of its own"),
        INI("port = 1 # the usual", "1: port: " PORT "'1 # the usual'"),
        INI("port = 1\n\n[store]\nshards = 1\nshards = 1",
            "5: store.shards is set again; line 4 has set it"),
        INI("[store]\nshards = 1\n[door]\ncolour = red\n[store]\nshards = 1",
            "6: store.shards is set again; line 2 has set it"),
        INI("sign = \xff", "1: the line is not UTF-8 text"),
        INI("sign = \xc0\xaf", "1: the line is not UTF-8 text"),
        INI("sign = \xed\xa0\x80", "1: the line is not UTF-8 text"),
        INI("sign = a\033[2J", "1: the line is not UTF-8 text"),
        INI("sign = a\rb", "1: the line is not UTF-8 text"),
        {{.file = "sign = a\0b\n", .file_size = 11}, "shop.ini:1: the line is not UTF-8 text"},
        {{.file = "\0\n", .file_size = 2}, "shop.ini:1: the line is not UTF-8 text"},
        INI("[23456789012345678901234567890123456789012345678901]",
            "1: the name of the section is longer than 49 bytes"),
    };
    EXPECT_WRONG(rows);
}

// inih reads no more of a line, and would take the rest for the next one.
Test(config, line_is_read_whole_or_refused)
{
    char text[512];
    for (int size = 190; size <= 260; size++) {
        int spaces = size - (int)strlen("port =1");
        int blanks = snprintf(text, sizeof text, "port =%*s1\n", spaces, "");
        outcome_t o = attempt(&(attempt_t){.file = text});
        cr_assert(blanks == size + 1);
        bool is_read = o.err == TR_OK;
        cr_expect(is_read == (size <= 197), "%d bytes: %s", size, tr_errname(o.err));
        cr_expect(size > 197 || o.shop.port == 1);
        cr_expect(size <= 197 || strstr(tr_config_text(o.config),
                                        "shop.ini:1: the line is longer than 197 bytes\n") != NULL);
        outcome_fini(&o);
    }
}

Test(config, file_that_cannot_be_read_is_wrong)
{
    static const wrong_t rows[] = {
        ARG("--config=absent.ini", "absent.ini: cannot be opened: No such file or directory"),
        ENV("TROUPE_CONFIG=absent.ini", "absent.ini: cannot be opened: No such file or directory"),
        ARG("--config=/", "/: cannot be read: Is a directory"),
        ARG("--config=/dev/zero", "/dev/zero: the file is larger than 1 MiB"),
    };
    EXPECT_WRONG(rows);
    wrong_t broken = {{.fallback = "[broken"},
                      "default.ini:1: a section is written [name], alone on its line"};
    expect_wrong(&broken, 0);
}

Test(config, file_of_one_mebibyte_is_read_and_a_byte_more_is_not)
{
    size_t most = (size_t)1 << 20;
    char *text = malloc(most + 1);
    memset(text, '\n', most + 1);
    memcpy(text + most - 6, "port=7", 6);
    outcome_t o = attempt(&(attempt_t){.file = text, .file_size = most});
    assert_ok(o.err);
    cr_expect(o.shop.port == 7);
    outcome_fini(&o);
    wrong_t more = {{.file = text, .file_size = most + 1},
                    "shop.ini: the file is larger than 1 MiB"};
    expect_wrong(&more, 0);
    free(text);
}

Test(config, all_that_is_wrong_is_told_at_once)
{
    static const wrong_t rows[] = {
        {{.args = {"--port=0", "--elephant", "--sign", "ok", "more"},
          .env = {"TROUPE_OPEN=maybe"},
          .file = "tilt = 100\nelephant = 1\n[store]\nshards = 0\n"},
         "--port: " PORT "'0'\n"
         "shop: --elephant: unknown argument\n"
         "shop: unexpected argument 'more'\n"
         "shop: TROUPE_OPEN: expected true or false, not 'maybe'\n"
         "shop: shop.ini:1: tilt: expected a whole number, -90 to 90, not '100'\n"
         "shop: shop.ini:2: unknown key elephant\n"
         "shop: shop.ini:4: store.shards: expected a whole number, 1 to 32, not '0'"},
    };
    EXPECT_WRONG(rows);
}

// What is stronger does not hide it.
Test(config, value_that_does_not_count_has_to_be_right_too)
{
    static const wrong_t rows[] = {
        {{.args = {"--port=1"}, .file = "port = x"}, "shop.ini:1: port: " PORT "'x'"},
        {{.args = {"--port=1"}, .env = {"TROUPE_PORT=x"}}, "TROUPE_PORT: " PORT "'x'"},
    };
    EXPECT_WRONG(rows);
}

Test(config, of_a_thousand_mistakes_twenty_are_told)
{
    char text[16384] = "";
    for (int i = 0; i < 1000; i++) {
        strcat(text, "x=1\n");
    }
    outcome_t o = attempt(&(attempt_t){.file = text});
    const char *said = tr_config_text(o.config);
    assert_err(o.err, TR_EFORMAT);
    cr_expect(strstr(said, "shop.ini:20: unknown key x\nshop: and 980 more\n") != NULL, "%s", said);
    cr_expect(strstr(said, "shop.ini:21:") == NULL);
    outcome_fini(&o);
}

Test(config, secret_is_not_told_when_it_is_wrong)
{
    static const wrong_t rows[] = {
        ARG("--token=hunter2hunter2", "--token: expected UTF-8 text, 12 bytes or less"),
        ENV("TROUPE_TOKEN=hunter2hunter2", "TROUPE_TOKEN: expected UTF-8 text, 12 bytes or less"),
        INI("token = hunter2hunter2", "1: token: expected UTF-8 text, 12 bytes or less"),
        INI("token = hunter2 ;", "1: a comment needs a line of its own"),
        ARG("--toekn=hunter2", "--toekn: unknown argument; did you mean --token?"),
        {{.args = {"--toekn", "hunter2"}}, "--toekn: unknown argument; did you mean --token?"},
        ENV("TROUPE_TOEKN=hunter2", "TROUPE_TOEKN: unknown variable; did you mean TROUPE_TOKEN?"),
    };
    EXPECT_WRONG(rows);
}

Test(config, setting_without_a_default_has_to_be_made)
{
    static const tr_config_key_t keys[] = {
        {.name = "gate.sign", TR_CONFIG_STR(shop_t, sign), .min = "1", .help = "a sign"},
        {.name = "port", TR_CONFIG_U16(shop_t, port), .help = "a port"},
    };
    static const tr_config_spec_t spec = {.program = "gate", .keys = keys, .key_count = 2};
    outcome_t o = attempt_with(&spec, &(attempt_t){.args = {"--port=x"}});
    assert_err(o.err, TR_EFORMAT);
    expect_text(tr_config_text(o.config),
                "gate: --port: expected a whole number, 0 to 65535, not 'x'\n"
                "gate: gate.sign is not set: expected UTF-8 text that is not empty in a file, in "
                "TROUPE_GATE_SIGN or after --gate.sign\n"
                "gate: gate --help lists the settings\n");
    outcome_fini(&o);
    o = attempt_with(&spec, &(attempt_t){.args = {"--port=0"}, .env = {"TROUPE_GATE_SIGN=a"}});
    assert_ok(o.err);
    cr_expect(is(o.shop.sign, "a"));
    outcome_fini(&o);
}

// ---- tables that are wrong

typedef struct table_t {
    tr_config_key_t keys[2];
    const char *complaint;
} table_t;

#define KEY(key_name, ...)                                                                         \
    {                                                                                              \
        .name = key_name, TR_CONFIG_U16(shop_t, port), .fallback = "1", .help = "it", __VA_ARGS__  \
    }
#define FLAG(key_name)                                                                             \
    {                                                                                              \
        .name = key_name, TR_CONFIG_BOOL(shop_t, is_open), .fallback = "1", .help = "it"           \
    }
#define GOOD                      KEY("good", .min = NULL)
#define IS_WRONG(key_name, fault) "table of settings: key 1, " key_name ", " fault

Test(config, table_that_is_wrong_is_refused)
{
    static const char *const none[] = {NULL};
    static const table_t rows[] = {
        {{GOOD, {.name = NULL}}, IS_WRONG("NULL", "has no name")},
        {{GOOD, KEY("", .min = NULL)}, IS_WRONG("", "has a name that is none")},
        {{GOOD, KEY("Port", .min = NULL)}, IS_WRONG("Port", "has a name that is none")},
        {{GOOD, KEY("a_b", .min = NULL)}, IS_WRONG("a_b", "has a name that is none")},
        {{GOOD, KEY("a..b", .min = NULL)}, IS_WRONG("a..b", "has a name that is none")},
        {{GOOD, KEY(".a", .min = NULL)}, IS_WRONG(".a", "has a name that is none")},
        {{GOOD, KEY("a-", .min = NULL)}, IS_WRONG("a-", "has a name that is none")},
        {{GOOD, KEY("config", .min = NULL)}, IS_WRONG("config", "has a name that is taken")},
        {{GOOD, KEY("help", .min = NULL)}, IS_WRONG("help", "has a name that is taken")},
        {{GOOD, {.name = "a", TR_CONFIG_U16(shop_t, port)}}, IS_WRONG("a", "has no help")},
        {{GOOD, KEY("a", .min = "x")}, IS_WRONG("a", "has bounds that are none")},
        {{GOOD, KEY("a", .min = "2", .max = "1")}, IS_WRONG("a", "has bounds that are none")},
        {{GOOD, KEY("a", .min = "2")}, IS_WRONG("a", "has a default that it does not allow")},
        {{GOOD,
          {.name = "a",
           TR_CONFIG_ENUM(shop_t, door),
           .choices = none,
           .fallback = "1",
           .help = "it"}},
         IS_WRONG("a", "has no choices")},
        {{GOOD,
          {.name = "a",
           TR_CONFIG_BOOL(shop_t, is_open),
           .max = "1",
           .fallback = "1",
           .help = "it"}},
         IS_WRONG("a", "has bounds that are none")},
        {{GOOD, {.name = "a", .kind = (tr_config_kind_t)99, .help = "it"}},
         IS_WRONG("a", "is of no kind")},
        {{GOOD, GOOD}, "table of settings: good and good have the same name somewhere"},
        {{KEY("a.b", .min = NULL), KEY("a-b", .min = NULL)},
         "table of settings: a.b and a-b have the same name somewhere"},
        {{FLAG("a"), KEY("no-a", .min = NULL)},
         "table of settings: a and no-a have the same name somewhere"},
        {{KEY("no-a", .min = NULL), FLAG("a")},
         "table of settings: no-a and a have the same name somewhere"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[256];
        tr_config_spec_t spec = {.program = "shop", .keys = rows[i].keys, .key_count = 2};
        outcome_t o = attempt_with(&spec, &(attempt_t){.args = {"--help"}});
        snprintf(text, sizeof text, "shop: %s\n", rows[i].complaint);
        cr_expect(o.err == TR_EINVAL, "row %zu: %s", i, tr_errname(o.err));
        cr_expect(strcmp(tr_config_text(o.config), text) == 0, "row %zu: %s", i,
                  tr_config_text(o.config));
        outcome_fini(&o);
    }
}

Test(config, name_has_at_most_63_bytes)
{
    char name[80];
    for (int size = 62; size <= 65; size++) {
        snprintf(name, sizeof name, "%0*d", size, 0);
        const tr_config_key_t key = KEY(name, .min = NULL);
        tr_config_spec_t spec = {.keys = &key, .key_count = 1};
        char argument[90];
        snprintf(argument, sizeof argument, "--%s=77", name);
        outcome_t o = attempt_with(&spec, &(attempt_t){.args = {argument}});
        bool is_read = o.err == TR_OK && o.shop.port == 77;
        cr_expect(is_read == (size <= 63), "%d bytes: %s", size, tr_errname(o.err));
        outcome_fini(&o);
    }
}

Test(config, it_needs_something_to_read_into_and_reads_once)
{
    tr_config *config = NULL;
    shop_t shop;
    tr_config_spec_t keyless = {.key_count = 1};
    char *argv[] = {(char *)"shop", NULL};
    bool is_asked = true;
    assert_err(tr_config_create(NULL, &shop, &config), TR_EINVAL);
    assert_err(tr_config_create(&shop_spec, NULL, &config), TR_EINVAL);
    assert_err(tr_config_create(&shop_spec, &shop, NULL), TR_EINVAL);
    assert_err(tr_config_create(&keyless, &shop, &config), TR_EINVAL);
    cr_expect(config == NULL);
    tr_config_destroy(NULL);
    assert_ok(tr_config_create(&shop_spec, &shop, &config));
    expect_text(tr_config_text(config), "");
    assert_ok(tr_config_load(config, 1, argv, &is_asked));
    cr_expect(is_asked == false);
    assert_err(tr_config_load(config, 1, argv, &is_asked), TR_EALREADY);
    tr_config_destroy(config);
}

// ---- what is right

Test(config, defaults_fill_what_nobody_has_set)
{
    outcome_t o = attempt(&(attempt_t){.file = NULL});
    assert_ok(o.err);
    cr_expect(o.shop.port == 8080 && is(o.shop.sign, "open"));
    cr_expect(o.shop.is_open && o.shop.door == GREEN && o.shop.tilt == 0);
    cr_expect(o.shop.ratio > 0.49 && o.shop.ratio < 0.51 && o.shop.visits == 0);
    cr_expect(o.shop.shards == 4 && o.shop.patience.ns == 5 * INT64_C(1000000000));
    cr_expect(o.shop.cache == 65536 && is(o.shop.token, ""));
    outcome_fini(&o);
}

Test(config, argument_counts_before_environment_before_file_before_default)
{
    outcome_t o = attempt(&(attempt_t){
        .args = {"--port", "1"},
        .env = {"TROUPE_PORT=2", "TROUPE_TILT=2"},
        .file = "port = 3\ntilt = 3\nvisits = 3\n",
    });
    assert_ok(o.err);
    cr_expect(o.shop.port == 1 && o.shop.tilt == 2 && o.shop.visits == 3);
    cr_expect(o.shop.shards == 4);
    outcome_fini(&o);
}

Test(config, file_is_the_named_one_or_the_default_one)
{
    shop_write("env.ini", "port = 2", 8);
    outcome_t o = attempt(&(attempt_t){.fallback = "port = 3"});
    cr_expect(o.shop.port == 3);
    outcome_fini(&o);
    o = attempt(&(attempt_t){.fallback = "port = 3", .env = {"TROUPE_CONFIG=env.ini"}});
    cr_expect(o.shop.port == 2);
    outcome_fini(&o);
    o = attempt(
        &(attempt_t){.file = "port = 1", .fallback = "port = 3", .env = {"TROUPE_CONFIG=env.ini"}});
    cr_expect(o.shop.port == 1);
    outcome_fini(&o);
    unlink("env.ini");
}

Test(config, flags_are_set_in_many_ways)
{
    static const char *const on[] = {"--open", "--open=true", "--open=yes", "--open=on",
                                     "--open=1"};
    static const char *const off[] = {"--no-open", "--open=false", "--open=no", "--open=off",
                                      "--open=0"};
    for (size_t i = 0; i < 5; i++) {
        outcome_t yes = attempt(&(attempt_t){.args = {on[i]}, .file = "open = no"});
        outcome_t no = attempt(&(attempt_t){.args = {off[i]}});
        assert_ok(yes.err);
        assert_ok(no.err);
        cr_expect(yes.shop.is_open && no.shop.is_open == false, "%s, %s", on[i], off[i]);
        outcome_fini(&yes);
        outcome_fini(&no);
    }
}

Test(config, file_may_be_written_in_many_ways)
{
    outcome_t o = attempt(&(attempt_t){
        .file = "\xef\xbb\xbf# A comment.\r\n"
                "; Another, and a long one: "
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890"
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890"
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890\n"
                "\n"
                "   port=1\r\n"
                "\ttilt : -5\t\r\n"
                "sign = a=\xc3\xa0:#\n"
                "store.shards = 7\n"
                "[store]\r\n"
                "  patience=2m\n"
                "[door]\n"
                "colour = blue",
    });
    cr_assert(o.err == TR_OK, "%s", tr_config_text(o.config));
    cr_expect(o.shop.port == 1 && o.shop.tilt == -5);
    cr_expect(is(o.shop.sign, "a=\xc3\xa0:#"));
    cr_expect(o.shop.shards == 7);
    cr_expect(o.shop.patience.ns == 120 * INT64_C(1000000000));
    cr_expect(o.shop.door == BLUE);
    outcome_fini(&o);
}

Test(config, value_of_an_argument_may_begin_with_a_dash)
{
    outcome_t o = attempt(&(attempt_t){.args = {"--tilt", "-5", "--sign=--", "--ratio", "1e-2"}});
    assert_ok(o.err);
    cr_expect(o.shop.tilt == -5 && is(o.shop.sign, "--"));
    cr_expect(o.shop.ratio > 0.0099 && o.shop.ratio < 0.0101);
    outcome_fini(&o);
}

Test(config, texts_are_its_own)
{
    char argument[] = "--sign=mine";
    outcome_t o = attempt(&(attempt_t){.args = {argument}, .env = {"TROUPE_TOKEN=theirs"}});
    assert_ok(o.err);
    memset(argument, 'x', sizeof argument - 1);
    cr_expect(is(o.shop.sign, "mine") && is(o.shop.token, "theirs"));
    outcome_fini(&o);
}

// ---- questions

Test(config, help_lists_the_settings_whatever_else_is_wrong)
{
    static const tr_config_spec_t spec = {
        .about = "A shop.", .file = "default.ini", .keys = shop_keys, .key_count = 3};
    outcome_t o = attempt_with(&spec, &(attempt_t){.args = {"--elephant", "--help"},
                                                   .env = {"TROUPE_PORT=x"},
                                                   .fallback = "[broken"});
    assert_ok(o.err);
    cr_expect(o.is_asked && is_untouched(&o.shop));
    expect_text(tr_config_text(o.config),
                "usage: shop [--KEY VALUE]...\n"
                "A shop.\n"
                "\n"
                "  --port N\n"
                "      where it is\n"
                "      default: 8080; a whole number, 1 to 65535; TROUPE_PORT\n"
                "\n"
                "  --sign TEXT\n"
                "      what hangs over the door\n"
                "      default: open; UTF-8 text, 8 bytes or less; TROUPE_SIGN\n"
                "\n"
                "  --[no-]open\n"
                "      is it open\n"
                "      default: yes; true or false; TROUPE_OPEN\n"
                "\n"
                "  --config FILE\n"
                "      read this file; default: default.ini, if it is there; TROUPE_CONFIG\n"
                "\n"
                "  --config-show\n"
                "      print what is set, and where, and end\n"
                "\n"
                "  --help\n"
                "      print this and end\n"
                "\n"
                "Arguments count before the environment, the environment before the file.\n"
                "In the file, a key a.b is the line `b = VALUE` below `[a]`.\n");
    outcome_fini(&o);
}

Test(config, show_tells_each_value_and_where_it_is_from_but_no_secret)
{
    outcome_t o = attempt(&(attempt_t){
        .args = {"--config-show", "--no-open", "--sign", ""},
        .env = {"TROUPE_TOKEN=hunter2"},
        .file = "tilt = 3\n[store]\nshards = 007\n",
    });
    assert_ok(o.err);
    cr_expect(o.is_asked && is_untouched(&o.shop));
    expect_text(tr_config_text(o.config), "port              8080     default\n"
                                          "sign              (empty)  --sign\n"
                                          "open              false    --open\n"
                                          "door.colour       green    default\n"
                                          "tilt              3        shop.ini:1\n"
                                          "ratio             0.5      default\n"
                                          "visits            0        default\n"
                                          "store.shards      007      shop.ini:3\n"
                                          "store.patience    5s       default\n"
                                          "store.cache-size  64KiB    default\n"
                                          "token             ***      TROUPE_TOKEN\n");
    outcome_fini(&o);
}

Test(config, show_of_what_is_wrong_tells_what_is_wrong)
{
    static const wrong_t rows[] = {
        {{.args = {"--config-show", "--port=0"}}, "--port: " PORT "'0'"},
    };
    EXPECT_WRONG(rows);
}
