// table.h: rows and columns for people: aligned, cut to the terminal, coloured where that helps.
#ifndef TROUPE_TOOL_TABLE_H
#define TROUPE_TOOL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "troupe/export.h"

#define TABLE_COLUMNS 12

// How output looks; decided once, at the start.
typedef struct table_look {
    size_t width;   // columns of the terminal; 0: no bound
    bool is_colour; // standard output is a terminal and nobody asked for plain text
} table_look;
extern table_look table_out;

// Look at standard output, NO_COLOR, TERM, COLUMNS and the locale.
void table_look_init(void);

typedef struct table_column {
    const char *title;
    bool is_right;
    bool is_flexible; // may be cut to make the table fit
} table_column;

typedef struct table {
    const table_column *columns;
    size_t count;
    char **cells; // row by row
    size_t used;
    size_t capacity;
    size_t widths[TABLE_COLUMNS];
    bool has_head; // the head was printed
} table;

void table_init(table *t, const table_column *columns, size_t count);
void table_fini(table *t);

// Add the next cell, copied.
void table_cell(table *t, const char *text);
TR_PRINTF(2, 3) void table_cellf(table *t, const char *format, ...);

// Print the rows so far and forget them; the head comes before the first ones. Columns keep at
// least the width they have, so that a table may be printed in parts.
void table_flush(table *t);

// The same, somewhere else than to standard output, without colour.
void table_print(table *t, FILE *out);

#endif
