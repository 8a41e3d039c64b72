/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which modules need which, by the lists in their folder, which are text:
 *
 *	modules.dep	kernel/net/9p/9pnet_virtio.ko: kernel/net/9p/9pnet.ko ...
 *	modules.softdep	softdep NAME pre: NAME... post: NAME...
 *	modules.builtin	kernel/fs/ext4/ext4.ko
 *
 * The order is that of modprobe: before a module come its soft dependencies ("pre"), then
 * what it depends on, each with its own before it; "post" ones come behind. modprobe heeds
 * the first line of modules.softdep about a module and we heed all, since all are wishes of
 * its author. A soft dependency by an alias (crypto-crc32c) is left out, and what the host
 * has in /etc/modprobe.d is about the host and not read.
 *
 * Anybody may have written the lists. Each becomes a table sorted by names, no module is
 * entered twice, and of more than MODULES_MAX there are none: the time is that of sorting,
 * and recursion has that depth at most, through circles, too.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/modules.h"

#define MAX_LINES 65536u /* a kernel with all that Linux has takes a sixth */

/* What one line says of a module. */
struct line {
	char name[MODULES_NAME_SIZE];
	bool is_entered;
	struct bytes subject, rest; /* what the name is of, and what is behind it */
};

struct table {
	struct line *lines; /* sorted by name */
	size_t nr;
};

struct search {
	struct table dep, softdep, builtin;
	struct modules *modules;
	unsigned nr_entered;
	struct err *err;
};

enum soft { SOFT_NEITHER, SOFT_PRE, SOFT_POST };

/* -- words and names -- */

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_printable(struct bytes text)
{
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] < 0x20 || text.data[i] > 0x7e)
			return false;
	}
	return true;
}

static bool is_word(struct bytes word, const char *text)
{
	return word.size == strlen(text) && !memcmp(word.data, text, word.size);
}

/* Cut the first word off. false: there is none. */
static bool first_word(struct bytes *text, struct bytes *word)
{
	size_t from = 0, to;

	while (from < text->size && is_blank(text->data[from]))
		from++;
	for (to = from; to < text->size && !is_blank(text->data[to]);)
		to++;
	*word = (struct bytes){ text->data + from, to - from };
	*text = (struct bytes){ text->data + to, text->size - to };
	return word->size != 0;
}

/* The same with the last one. */
static bool last_word(struct bytes *text, struct bytes *word)
{
	size_t from, to = text->size;

	while (to && is_blank(text->data[to - 1]))
		to--;
	for (from = to; from && !is_blank(text->data[from - 1]);)
		from--;
	*word = (struct bytes){ text->data + from, to - from };
	text->size = from;
	return word->size != 0;
}

/* The kernel makes no difference between '-' and '_'. */
static char plain(char c)
{
	if (c == '-')
		return '_';
	return c;
}

/* The name of the module in a file. false: no module can be called that. */
static bool name_of(struct bytes path, char name[MODULES_NAME_SIZE])
{
	const uint8_t *slash = memrchr(path.data, '/', path.size);
	const size_t from = slash ? (size_t)(slash + 1 - path.data) : 0;
	const size_t left = path.size - from;
	const char *at = (const char *)path.data + from;
	const char *dot = memchr(at, '.', left);
	const size_t size = dot ? (size_t)(dot - at) : left;

	if (!size || size >= MODULES_NAME_SIZE ||
	    !is_printable((struct bytes){ path.data + from, size }))
		return false;
	for (size_t i = 0; i < size; i++)
		name[i] = plain(at[i]);
	name[size] = '\0';
	return true;
}

/* -- tables -- */

/* Fill in `line` but for its name. false: it is none of this kind. */
typedef bool (*split_fn)(struct bytes text, struct line *line);

static bool split_dep(struct bytes text, struct line *line)
{
	const uint8_t *colon = memchr(text.data, ':', text.size);
	const size_t size = colon ? (size_t)(colon - text.data) : 0;

	if (!colon)
		return false;
	line->subject = (struct bytes){ text.data, size };
	line->rest = (struct bytes){ colon + 1, text.size - size - 1 };
	return true;
}

static bool split_softdep(struct bytes text, struct line *line)
{
	struct bytes word;

	if (!first_word(&text, &word) || !is_word(word, "softdep") ||
	    !first_word(&text, &line->subject))
		return false;
	line->rest = text;
	return true;
}

static bool split_builtin(struct bytes text, struct line *line)
{
	return first_word(&text, &line->subject);
}

/* Those of one module stay in the order of the file. */
static int compare(const void *a, const void *b)
{
	const struct line *one = a, *other = b;
	const int order = strcmp(one->name, other->name);

	if (order)
		return order;
	return (one->subject.data > other->subject.data) -
	       (one->subject.data < other->subject.data);
}

/* Cut the first line off, which is not empty. false: there is none. */
static bool next_line(struct bytes *text, struct bytes *line)
{
	while (text->size) {
		const uint8_t *end = memchr(text->data, '\n', text->size);
		const size_t size = end ? (size_t)(end - text->data) : text->size;
		const size_t used = size + (end != NULL);

		*line = (struct bytes){ text->data, size };
		*text = (struct bytes){ text->data + used, text->size - used };
		if (size && line->data[0] != '#')
			return true;
	}
	return false;
}

static size_t count_lines(struct bytes text)
{
	struct bytes line;
	size_t nr = 0;

	while (next_line(&text, &line))
		nr++;
	return nr;
}

static int read_table(struct table *table, const char *file, struct bytes text,
		      split_fn split, struct err *err)
{
	const size_t most = count_lines(text);
	struct bytes line;

	if (most > MAX_LINES)
		return err_set(err, "%s has %zu lines: more than %u are not read", file,
			       most, MAX_LINES);
	table->lines = calloc(most ? most : 1, sizeof(*table->lines));
	if (!table->lines)
		return err_set(err, "no memory for %s", file);
	while (next_line(&text, &line)) {
		struct line *row = &table->lines[table->nr];

		if (split(line, row) && name_of(row->subject, row->name))
			table->nr++;
		else
			*row = (struct line){ .is_entered = false };
	}
	qsort(table->lines, table->nr, sizeof(*table->lines), compare);
	return 0;
}

/* The first line about a module; others follow it. NULL: there is none. */
static struct line *find(const struct table *table, const char *name)
{
	size_t from = 0, to = table->nr;

	while (from < to) {
		const size_t middle = from + (to - from) / 2;

		if (strcmp(table->lines[middle].name, name) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	if (from == table->nr || strcmp(table->lines[from].name, name) != 0)
		return NULL;
	return &table->lines[from];
}

/* -- the search -- */

/*
 * Is this where a module of the folder may be? Opening it would find out too, but this
 * tells what is wrong with the list.
 */
static int check_path(struct bytes path, struct err *err)
{
	const char *text = (const char *)path.data;

	if (path.size >= PATH_MAX || !is_printable(path))
		return err_set(err, "modules.dep has a path that is too long or does not "
				    "print");
	for (size_t from = 0; from <= path.size;) {
		const uint8_t *at = path.data + from;
		const uint8_t *slash = memchr(at, '/', path.size - from);
		const size_t size = slash ? (size_t)(slash - at) : path.size - from;

		if ((slash && !from && !size) || (size == 2 && !memcmp(at, "..", 2)))
			return err_set(err,
				       "modules.dep has \"%.*s\", which is not in the "
				       "folder",
				       (int)path.size, text);
		from += size + 1;
	}
	return 0;
}

static int append(struct search *search, const struct line *line)
{
	struct modules *modules = search->modules;
	struct module *module = &modules->all[modules->nr];

	module->path = strndup((const char *)line->subject.data, line->subject.size);
	if (!module->path)
		return err_set(search->err, "no memory for the names of modules");
	memcpy(module->name, line->name, sizeof(module->name));
	modules->nr++;
	return 0;
}

static int enter(struct search *search, struct line *line);

/* What is built in needs nothing. */
static int add_named(struct search *search, const char *name)
{
	struct line *line = find(&search->dep, name);

	if (!line || line->is_entered || find(&search->builtin, name))
		return 0;
	return enter(search, line);
}

static int add_soft_line(struct search *search, struct bytes text, enum soft wanted)
{
	enum soft kind = SOFT_NEITHER;
	struct bytes word;

	while (first_word(&text, &word)) {
		char name[MODULES_NAME_SIZE];

		if (is_word(word, "pre:"))
			kind = SOFT_PRE;
		else if (is_word(word, "post:"))
			kind = SOFT_POST;
		else if (kind == wanted && name_of(word, name) && add_named(search, name))
			return -1;
	}
	return 0;
}

static int add_soft(struct search *search, const char *name, enum soft wanted)
{
	const struct table *table = &search->softdep;
	const struct line *line = find(table, name);

	for (; line && line < table->lines + table->nr && !strcmp(line->name, name);
	     line++) {
		if (add_soft_line(search, line->rest, wanted))
			return -1;
	}
	return 0;
}

/* depmod lists first what is to be loaded last. */
static int add_needed(struct search *search, const struct line *line)
{
	struct bytes text = line->rest, word;

	while (last_word(&text, &word)) {
		char name[MODULES_NAME_SIZE];

		if (!name_of(word, name))
			return err_set(search->err,
				       "modules.dep: what %s needs cannot be a module",
				       line->name);
		if (!find(&search->dep, name) && !find(&search->builtin, name))
			return err_set(search->err,
				       "modules.dep: %s needs %s, which is not there",
				       line->name, name);
		if (add_named(search, name))
			return -1;
	}
	return 0;
}

static int enter(struct search *search, struct line *line)
{
	if (check_path(line->subject, search->err))
		return -1;
	if (search->nr_entered++ == MODULES_MAX)
		return err_set(search->err, "more than %d modules are needed",
			       MODULES_MAX);
	line->is_entered = true;
	if (add_soft(search, line->name, SOFT_PRE) || add_needed(search, line) ||
	    append(search, line))
		return -1;
	return add_soft(search, line->name, SOFT_POST);
}

static int read_tables(struct search *search, const struct modules_texts *texts)
{
	struct err *err = search->err;

	if (read_table(&search->dep, "modules.dep", texts->dep, split_dep, err) ||
	    read_table(&search->softdep, "modules.softdep", texts->softdep, split_softdep,
		       err) ||
	    read_table(&search->builtin, "modules.builtin", texts->builtin, split_builtin,
		       err))
		return -1;
	if (texts->dep.size && !search->dep.nr)
		return err_set(err, "modules.dep is not as depmod makes it");
	return 0;
}

int modules_list(struct modules *modules, const struct modules_texts *texts,
		 const char *const *names, unsigned nr, struct err *err)
{
	struct search search = { .modules = modules, .err = err };
	int r = read_tables(&search, texts);

	for (unsigned i = 0; i < nr && !r; i++) {
		const struct bytes text = { (const uint8_t *)names[i], strlen(names[i]) };
		char name[MODULES_NAME_SIZE];

		if (name_of(text, name))
			r = add_named(&search, name);
	}
	free(search.dep.lines);
	free(search.softdep.lines);
	free(search.builtin.lines);
	return r;
}
