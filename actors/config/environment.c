// environment.c: every variable whose name begins with TROUPE_ is a setting.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

#define FILE_VARIABLE TRI_VARIABLE "CONFIG"

// An argument that names a file is stronger.
static void
name_file(tr_config *config, const char *path)
{
    if (*path == '\0') {
        tri_complain(config, FILE_VARIABLE ": expected the name of a file");
    } else if (!config->is_file_named) {
        config->file = path;
    }
    config->is_file_named = true;
}

static void
read_variable(tr_config *config, const char *variable)
{
    char name[TRI_VARIABLE_MAX + 8]; // cut when it is nobody's name anyway
    char shown[TRI_SHOWN];
    char meant[TRI_MEANT];
    size_t size = strcspn(variable, "=");
    const char *value = variable[size] == '=' ? variable + size + 1 : "";
    snprintf(name, sizeof name, "%.*s", (int)(size < 1000 ? size : 1000), variable);
    tri_setting *setting = tri_find(config, TRI_ENVIRONMENT, name);
    if (strcmp(name, FILE_VARIABLE) == 0) {
        name_file(config, value);
    } else if (setting != NULL) {
        tri_offer(config, setting, TRI_ENVIRONMENT, 0, value);
    } else {
        tri_complain(config, "%s: unknown variable%s", tri_show(shown, name),
                     tri_meant(config, TRI_ENVIRONMENT, name, meant));
    }
}

void
tri_read_environment(tr_config *config)
{
    for (char **at = environ; at != NULL && *at != NULL; at++) {
        if (strncmp(*at, TRI_VARIABLE, sizeof TRI_VARIABLE - 1) == 0) {
            read_variable(config, *at);
        }
    }
}
