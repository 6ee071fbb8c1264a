// file.c: the file, as inih reads it. What inih would cut or pass over in silence is wrong here, so
// each line is looked at before it gets there; what is wrong reaches it as an empty line.
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

#define BYTES_MAX   ((size_t)1 << 20) // of a file
#define WIDTH_MAX   197 // bytes: what fits into inih's buffer, as it is built anywhere
#define SECTION_MAX 49  // bytes of its name: inih cuts what is longer

#define SPACE " \t\r"

// A file while it is read.
typedef struct page_t {
    tr_config *config;
    char path[TRI_SHOWN];
    const char *at; // the next line
    const char *end;
    uint32_t line;    // the number of the line that inih has
    bool is_awaited;  // it has to be a `name = value`, and inih has not said so yet
    bool is_homeless; // the heading above was wrong: these lines belong to no section
} page_t;

// ---- before inih

// Not so the end of `set`, which strchr would find as well.
static bool
is_one_of(const char *set, char c)
{
    return c != '\0' && strchr(set, c) != NULL;
}

// No text, or a terminal would obey it.
static bool
is_printable(const char *text, size_t size)
{
    while (size > 0) {
        size_t length = *text == '\t' ? 1 : tri_printable(text, size);
        if (length == 0) {
            return false;
        }
        text += length;
        size -= length;
    }
    return true;
}

// inih takes this for a comment, and would cut the value there.
static bool
has_comment(const char *text, size_t size)
{
    for (size_t i = 1; i < size; i++) {
        if (text[i] == ';' && is_one_of(SPACE, text[i - 1])) {
            return true;
        }
    }
    return false;
}

static const char *
find_heading_fault(const char *text, size_t size)
{
    if (size < 3 || memchr(text, ']', size) != text + size - 1) {
        return "a section is written [name], alone on its line";
    }
    return size - 2 > SECTION_MAX ? "the name of the section is longer than 49 bytes" : NULL;
}

// The line stands without the space around it, and is not empty.
static const char *
find_fault(const char *text, size_t size)
{
    if (size > WIDTH_MAX) {
        return "the line is longer than 197 bytes";
    }
    if (!is_printable(text, size)) {
        return "the line is not UTF-8 text";
    }
    if (has_comment(text, size)) {
        return "a comment needs a line of its own";
    }
    return text[0] == '[' ? find_heading_fault(text, size) : NULL;
}

// ---- in inih's hands

// The line that inih had is over, and it was no entry.
static void
settle(page_t *page)
{
    if (page->is_awaited) {
        tri_complain(page->config, "%s:%u: expected [section] or name = value", page->path,
                     page->line);
        page->is_awaited = false;
    }
}

// The next line without the space around it, which inih gives a meaning: a line that begins with
// space would go on with the value above.
static const char *
cut_line(page_t *page, size_t *out_size)
{
    const char *begin = page->at;
    const char *newline = memchr(begin, '\n', (size_t)(page->end - begin));
    const char *end = newline != NULL ? newline : page->end;
    page->at = newline != NULL ? newline + 1 : page->end;
    while (begin < end && is_one_of(SPACE, *begin)) {
        begin++;
    }
    while (end > begin && is_one_of(SPACE, end[-1])) {
        end--;
    }
    *out_size = (size_t)(end - begin);
    return begin;
}

// As fgets, for inih.
static char *
next_line(char *out, int size, void *arg)
{
    page_t *page = arg;
    size_t length;
    settle(page);
    if (page->at == page->end) {
        return NULL;
    }
    const char *text = cut_line(page, &length);
    bool is_comment = length == 0 || is_one_of(";#", text[0]);
    bool is_heading = !is_comment && text[0] == '[';
    const char *fault = is_comment ? NULL : find_fault(text, length);
    if (fault == NULL && !is_comment && length + 3 > (size_t)size) {
        fault = "the line is longer than this inih reads";
    }
    page->line++;
    page->is_homeless = is_heading ? fault != NULL : page->is_homeless;
    out[0] = '\0';
    if (fault != NULL) {
        tri_complain(page->config, "%s:%u: %s", page->path, page->line, fault);
    } else if (!is_comment) {
        snprintf(out, (size_t)size, "%.*s\n", (int)length, text);
        page->is_awaited = !is_heading;
    }
    return out;
}

static int
on_entry(void *arg, const char *section, const char *name, const char *value)
{
    page_t *page = arg;
    char key[WIDTH_MAX + SECTION_MAX + 2];
    char shown[TRI_SHOWN];
    char meant[TRI_MEANT];
    page->is_awaited = false;
    if (page->is_homeless) {
        return 1;
    }
    snprintf(key, sizeof key, "%s%s%s", section, *section != '\0' ? "." : "", name);
    tri_setting *setting = tri_find(page->config, TRI_FILE, key);
    if (setting != NULL) {
        tri_offer(page->config, setting, TRI_FILE, page->line, value);
    } else {
        tri_complain(page->config, "%s:%u: unknown key %s%s", page->path, page->line,
                     tri_show(shown, key), tri_meant(page->config, TRI_FILE, key, meant));
    }
    return 1;
}

static void
read_page(tr_config *config, const char *bytes, size_t size)
{
    page_t page = {.config = config, .at = bytes, .end = bytes + size};
    tri_show(page.path, config->file);
    if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
        page.at += 3; // the mark of editors that write UTF-8 with one
    }
    if (ini_parse_stream(next_line, &page, on_entry, &page) == -2) {
        config->has_no_memory = true;
    }
    settle(&page);
}

// ---- the bytes

// Up to `capacity`. -1 and errno.
static ssize_t
read_bytes(int fd, char *out, size_t capacity)
{
    size_t size = 0;
    while (size < capacity) {
        ssize_t got = read(fd, out + size, capacity - size);
        if (got == 0) {
            break;
        }
        if (got < 0 && errno != EINTR) {
            return -1;
        }
        size += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)size;
}

static void
read_open(tr_config *config, int fd, const char *path)
{
    char *bytes = malloc(BYTES_MAX + 1);
    if (bytes == NULL) {
        config->has_no_memory = true;
        return;
    }
    ssize_t size = read_bytes(fd, bytes, BYTES_MAX + 1);
    if (size < 0) {
        tri_complain(config, "%s: cannot be read: %s", path, strerror(errno));
    } else if ((size_t)size > BYTES_MAX) {
        tri_complain(config, "%s: the file is larger than 1 MiB", path);
    } else {
        read_page(config, bytes, (size_t)size);
    }
    free(bytes);
}

void
tri_read_file(tr_config *config)
{
    char path[TRI_SHOWN];
    if (config->file == NULL && !config->is_file_named) {
        config->file = config->spec->file;
    }
    if (config->file == NULL) {
        return;
    }
    tri_show(path, config->file);
    int fd = open(config->file, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        read_open(config, fd, path);
        close(fd);
    } else if (errno != ENOENT || config->is_file_named) {
        tri_complain(config, "%s: cannot be opened: %s", path, strerror(errno));
    }
}
