// settings.c: a service with settings of its own, from a file, the environment and the arguments.
//
//     TROUPE_GREETING_TIMES=2 build/examples/settings --config examples/settings.ini --guest Ada
//
// The table says all there is to know of a setting, and so makes --help and --config-show. The
// struct is filled before anything runs; the actor gets a copy as its argument. See
// docs/configuration.md.
//
// Prints:
//     Good evening, Ada!
//     Good evening, Ada!
#include <signal.h>
#include <stdio.h>
#include <troupe/troupe.h>
#include <unistd.h>

typedef struct settings_t {
    const char *guest;
    const char *text;
    uint32_t times;
    tr_duration_t pause;
} settings_t;

static const tr_config_key_t keys[] = {
    {.name = "guest", TR_CONFIG_STR(settings_t, guest), .min = "1", .help = "who is greeted"},
    {.name = "greeting.text",
     TR_CONFIG_STR(settings_t, text),
     .fallback = "Hello",
     .help = "what is said"},
    {.name = "greeting.times",
     TR_CONFIG_U32(settings_t, times),
     .fallback = "1",
     .min = "1",
     .max = "100",
     .help = "how often"},
    {.name = "greeting.pause",
     TR_CONFIG_DURATION(settings_t, pause),
     .fallback = "1s",
     .max = "1h",
     .help = "how long to wait in between"},
};

static const tr_config_spec_t spec = {
    .about = "Greets a guest.",
    .keys = keys,
    .key_count = sizeof keys / sizeof *keys,
};

TR_MESSAGE_EMPTY(begin);

static tr_err_t
host_start(tr_self *self, void *state, const void *arg)
{
    *(settings_t *)state = *(const settings_t *)arg;
    return tr_send(self, tr_self_ref(self), TR_MSG(begin));
}

static tr_err_t
host_receive(tr_self *self, void *state, const tr_message *msg)
{
    const settings_t *s = state;
    if (tr_as(begin, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    for (uint32_t i = 0; i < s->times; i++) {
        tr_err_t err = i == 0 ? TR_OK : tr_sleep(self, s->pause);
        if (err != TR_OK) {
            return err;
        }
        printf("%s, %s!\n", s->text, s->guest);
    }
    kill(getpid(), SIGTERM); // the end that somebody else would bring
    return TR_OK;
}

static const tr_behavior_t host = {
    .name = "host",
    .state_size = sizeof(settings_t),
    .start = host_start,
    .receive = host_receive,
};

int
main(int argc, char **argv)
{
    static settings_t settings;
    static const tr_child_t children[] = {
        {.id = "host", .behavior = &host, .arg = &settings, .arg_size = sizeof settings},
    };
    static const tr_supervisor_t house = {.name = "house", .children = children, .child_count = 1};
    return tr_main_with(argc, argv, &(tr_main_opts_t){.config = &spec, .settings = &settings},
                        &house);
}
