#include "table.h"

#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "text.h"

#define GAP       2 // columns between two columns
#define LEAST     8 // a flexible column is not cut below this
#define WIDTH_MAX 10000

table_look table_out;

void
table_look_init(void)
{
    const char *plain = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    const char *columns = getenv("COLUMNS");
    struct winsize size = {0};
    (void)setlocale(LC_CTYPE, "");
    text_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    if (!isatty(STDOUT_FILENO)) {
        return;
    }
    table_out.is_colour =
        (plain == NULL || plain[0] == '\0') && terminal != NULL && strcmp(terminal, "dumb") != 0;
    long asked = columns != NULL ? strtol(columns, NULL, 10) : 0;
    if (asked > 0 && asked <= WIDTH_MAX) {
        table_out.width = (size_t)asked;
    } else if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
        table_out.width = size.ws_col;
    }
}

void
table_init(table *t, const table_column *columns, size_t count)
{
    *t = (table){.columns = columns, .count = count};
    for (size_t i = 0; i < count; i++) {
        t->widths[i] = text_width(columns[i].title);
    }
}

static void
clear(table *t)
{
    for (size_t i = 0; i < t->used; i++) {
        free(t->cells[i]);
    }
    t->used = 0;
}

void
table_fini(table *t)
{
    clear(t);
    free(t->cells);
    t->cells = NULL;
}

void
table_cell(table *t, const char *string)
{
    if (t->used == t->capacity) {
        t->capacity = t->capacity == 0 ? 256 : t->capacity * 2;
        t->cells = text_memory(t->cells, t->capacity * sizeof *t->cells);
    }
    size_t size = strlen(string) + 1;
    char *copy = text_memory(NULL, size);
    memcpy(copy, string, size);
    size_t width = text_width(copy);
    size_t column = t->used % t->count;
    t->widths[column] = width > t->widths[column] ? width : t->widths[column];
    t->cells[t->used++] = copy;
}

void
table_cellf(table *t, const char *format, ...)
{
    char cell[256];
    va_list args;
    va_start(args, format);
    vsnprintf(cell, sizeof cell, format, args);
    va_end(args);
    table_cell(t, cell);
}

// Take columns from the widest flexible one until the table fits or none can give.
static void
fit(const table *t, size_t *widths)
{
    size_t total = 0;
    for (size_t i = 0; i < t->count; i++) {
        widths[i] = t->widths[i];
        total += widths[i] + (i > 0 ? GAP : 0);
    }
    while (table_out.width != 0 && total > table_out.width) {
        size_t widest = t->count;
        for (size_t i = 0; i < t->count; i++) {
            if (t->columns[i].is_flexible && widths[i] > LEAST &&
                (widest == t->count || widths[i] > widths[widest])) {
                widest = i;
            }
        }
        if (widest == t->count) {
            return;
        }
        widths[widest]--;
        total--;
    }
}

// The colour of a state, as the tables print them; NULL for none.
static const char *
colour_of(const char *cell)
{
    static const struct {
        const char *prefix;
        const char *code;
    } colours[] = {
        {"running", "\033[32m"}, {"ready", "\033[32m"},    {"waiting", "\033[33m"},
        {"held", "\033[31m"},    {"stopping", "\033[35m"}, {"starting", "\033[36m"},
    };
    for (size_t i = 0; i < sizeof colours / sizeof colours[0]; i++) {
        if (strncmp(cell, colours[i].prefix, strlen(colours[i].prefix)) == 0) {
            return colours[i].code;
        }
    }
    return NULL;
}

static void
print_row(const table *t, const size_t *widths, char *const *cells, bool is_head, FILE *out)
{
    text line = {0};
    for (size_t i = 0; i < t->count; i++) {
        const char *cell = is_head ? t->columns[i].title : cells[i];
        bool is_state = !is_head && strcmp(t->columns[i].title, "STATE") == 0;
        const char *colour = is_head ? "\033[1m" : is_state ? colour_of(cell) : NULL;
        bool is_coloured = table_out.is_colour && colour != NULL && out == stdout;
        size_t width = text_width(cell) < widths[i] ? text_width(cell) : widths[i];
        size_t pad = widths[i] - width;
        text_printf(&line, "%*s", t->columns[i].is_right ? (int)pad : 0, "");
        text_add_z(&line, is_coloured ? colour : "");
        text_add_cut(&line, cell, widths[i]);
        text_add_z(&line, is_coloured ? "\033[0m" : "");
        if (i + 1 < t->count) {
            text_printf(&line, "%*s", (t->columns[i].is_right ? 0 : (int)pad) + GAP, "");
        }
    }
    while (line.size > 0 && line.data[line.size - 1] == ' ') { // an empty last cell
        line.size--;
    }
    text_add_z(&line, "\n");
    (void)fwrite(line.data, 1, line.size, out);
    text_fini(&line);
}

void
table_print(table *t, FILE *out)
{
    size_t widths[TABLE_COLUMNS];
    fit(t, widths);
    if (!t->has_head) {
        print_row(t, widths, NULL, true, out);
        t->has_head = true;
    }
    for (size_t i = 0; i + t->count <= t->used; i += t->count) {
        print_row(t, widths, t->cells + i, false, out);
    }
    clear(t);
}

void
table_flush(table *t)
{
    table_print(t, stdout);
}
