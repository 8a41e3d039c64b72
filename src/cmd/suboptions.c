/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists of KEY=VALUE. The caller describes the keys in a table; an item is looked up in
 * it, checked by its kind and stored. Whoever mistypes learns which keys there are.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/suboptions.h"

/*
 * Cut one item off *at and turn ",," in it into ",", in place. NULL at the end of the
 * text.
 */
static char *next_item(char **at)
{
	char *item = *at, *to = item, *from = item;

	if (!item)
		return NULL;
	for (; *from; from++) {
		if (*from == ',') {
			if (from[1] != ',')
				break;
			from++;
		}
		*to++ = *from;
	}
	*at = *from ? from + 1 : NULL;
	*to = '\0';
	return item;
}

static void append(char *to, size_t size, const char *text)
{
	const size_t used = strlen(to);

	snprintf(to + used, size - used, "%s", text);
}

const char *suboption_list(const char *const *names, char *to, size_t size)
{
	to[0] = '\0';
	for (size_t i = 0; names[i]; i++) {
		append(to, size, names[i]);
		if (names[i + 1])
			append(to, size, names[i + 2] ? ", " : " or ");
	}
	return to;
}

int suboption_number(const char *text, unsigned min, unsigned max, unsigned *value,
		     struct err *err)
{
	unsigned long long number = 0;
	const char *at = text;

	for (; isdigit((unsigned char)*at) && number <= max; at++)
		number = number * 10 + (unsigned)(*at - '0');
	while (isdigit((unsigned char)*at))
		at++;
	if (at == text || *at)
		return err_set(err, "\"%s\" is not a number", text);
	if (number < min || number > max)
		return err_set(err, "%s is not between %u and %u", text, min, max);
	*value = (unsigned)number;
	return 0;
}

static int parse_switch(const char *text, bool *value, struct err *err)
{
	if (text && strcmp(text, "on") != 0 && strcmp(text, "off") != 0)
		return err_set(err, "\"%s\" is neither on nor off", text);
	*value = !text || strcmp(text, "on") == 0;
	return 0;
}

static int parse_choice(const char *text, const char *const *names, unsigned *value,
			struct err *err)
{
	char list[128];

	for (unsigned i = 0; names[i]; i++) {
		if (strcmp(text, names[i]) == 0) {
			*value = i;
			return 0;
		}
	}
	return err_set(err, "\"%s\" is not %s", text,
		       suboption_list(names, list, sizeof(list)));
}

/* `text` is NULL if there was no "=". */
static int parse_value(const struct suboption *option, const char *text, struct err *err)
{
	if (option->kind == SUBOPTION_SWITCH)
		return parse_switch(text, option->value, err);
	if (!text || !*text)
		return err_set(err, "it needs a value");
	switch (option->kind) {
	case SUBOPTION_NUMBER:
		return suboption_number(text, option->min, option->max, option->value,
					err);
	case SUBOPTION_CHOICE:
		return parse_choice(text, option->names, option->value, err);
	case SUBOPTION_OTHER:
		return option->parse(text, option->value, err);
	default:
		*(const char **)option->value = text;
		return 0;
	}
}

static int unknown_key(const char *key, const struct suboption *table, size_t nr,
		       struct err *err)
{
	const char *names[SUBOPTIONS_MAX + 1] = { NULL };
	char list[256];

	for (size_t i = 0; i < nr; i++)
		names[i] = table[i].key;
	if (!nr)
		return err_set(err, "nothing may follow: \"%s\"", key);
	return err_set(err, "\"%s\" is none of its keys: %s", key,
		       suboption_list(names, list, sizeof(list)));
}

/* `seen` has a bit for each row of the table. */
static int parse_item(char *item, const struct suboption *table, size_t nr,
		      uint32_t *seen, struct err *err)
{
	char *equals = strchr(item, '=');
	size_t i = 0;

	if (equals)
		*equals = '\0';
	while (i < nr && strcmp(item, table[i].key) != 0)
		i++;
	if (i == nr)
		return unknown_key(item, table, nr, err);
	if ((*seen & 1u << i) && !table[i].repeatable)
		return err_set(err, "%s: given twice", item);
	*seen |= 1u << i;
	if (parse_value(&table[i], equals ? equals + 1 : NULL, err))
		return err_prefix(err, "%s: ", item);
	return 0;
}

int suboptions_parse(char *text, const char **first, const struct suboption *table,
		     size_t nr, struct err *err)
{
	char *at = text, *item = next_item(&at);
	uint32_t seen = 0;

	if (!*item)
		return err_set(err, "\"%s\": something is missing in front", text);
	*first = item;
	while ((item = next_item(&at))) {
		if (parse_item(item, table, nr, &seen, err))
			return -1;
	}
	return 0;
}
