/* SPDX-License-Identifier: BSD-2-Clause */
/* /tane/config: see guest/init.h. It is tane's, so what is wrong in it is a bug. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "private.h"

static unsigned long number(struct init *init, const char *key, const char *value)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(value, &end, 10);
	if (errno || end == value || *end)
		fail(init, "/" INIT_PATH_CONFIG ": %s=%s is no number", key, value);
	return n;
}

/* Which of the words, of which the last one is NULL? */
static unsigned choice(struct init *init, const char *key, const char *value,
		       const char *const *words)
{
	unsigned i = 0;

	while (words[i] && strcmp(value, words[i]))
		i++;
	if (!words[i])
		fail(init, "/" INIT_PATH_CONFIG ": %s=%s is unknown", key, value);
	return i;
}

static enum stream stream(struct init *init, const char *key, const char *value)
{
	static const char *const words[] = {
		[STREAM_NULL] = INIT_STREAM_NULL,
		[STREAM_PIPE] = INIT_STREAM_PIPE,
		[STREAM_TTY] = INIT_STREAM_TTY,
		[STREAM_STDOUT] = INIT_STREAM_STDOUT,
		NULL,
	};

	return choice(init, key, value, words);
}

static enum root root(struct init *init, const char *key, const char *value)
{
	static const char *const words[] = {
		[ROOT_OVERLAY] = INIT_ROOT_OVERLAY,
		[ROOT_RW] = INIT_ROOT_RW,
		NULL,
	};

	return choice(init, key, value, words);
}

static void append(struct init *init, struct list *list, char *value)
{
	/* A pointer at a time: some hundred values, and realloc() has room for more. */
	list->values = realloc(list->values, (list->nr + 2) * sizeof(*list->values));
	if (!list->values)
		fail(init, "no memory for /" INIT_PATH_CONFIG);
	list->values[list->nr++] = value;
	list->values[list->nr] = NULL;
}

/* "ro|rw,CACHE,TAG,/PATH": the path may have commas in it. */
static void add_share(struct init *init, char *value)
{
	struct config *config = &init->config;
	char *rest = value;
	const char *mode = strsep(&rest, ",");
	struct share share = { .cache = strsep(&rest, ","), .tag = strsep(&rest, ",") };

	if (!rest || rest[0] != '/')
		fail(init, "/" INIT_PATH_CONFIG ": a malformed " INIT_KEY_MOUNT);
	share.writable = !strcmp(mode, INIT_MOUNT_RW);
	share.path = rest;
	config->shares = realloc(config->shares, (config->nr_shares + 1) * sizeof(share));
	if (!config->shares)
		fail(init, "no memory for /" INIT_PATH_CONFIG);
	config->shares[config->nr_shares++] = share;
}

/* What is text, and what is several of it. */
static bool take_text(struct init *init, const char *key, char *value)
{
	struct config *config = &init->config;
	const struct {
		const char *key;
		char **text;
		struct list *list;
	} keys[] = {
		{ INIT_KEY_CWD, &config->cwd, NULL },
		{ INIT_KEY_USER, &config->user, NULL },
		{ INIT_KEY_HOSTNAME, &config->hostname, NULL },
		{ INIT_KEY_MODULE, NULL, &config->modules },
		{ INIT_KEY_ARGUMENT, NULL, &config->arguments },
		{ INIT_KEY_ENV, NULL, &config->env },
		{ INIT_KEY_GROUP, NULL, &config->groups },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(key, keys[i].key))
			continue;
		if (keys[i].list)
			append(init, keys[i].list, value);
		else
			*keys[i].text = value;
		return true;
	}
	return false;
}

static bool take_number(struct init *init, const char *key, const char *value)
{
	struct config *config = &init->config;
	const struct {
		const char *key;
		unsigned long *number;
	} keys[] = {
		{ INIT_KEY_UID, &config->uid },
		{ INIT_KEY_GID, &config->gid },
		{ INIT_KEY_ROWS, &config->rows },
		{ INIT_KEY_COLUMNS, &config->columns },
		{ INIT_KEY_UMASK, &config->umask },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(key, keys[i].key))
			continue;
		*keys[i].number = number(init, key, value);
		return true;
	}
	return false;
}

static void take(struct init *init, const char *key, char *value)
{
	static const char *const networks[] = { INIT_NETWORK_DHCP, NULL };
	struct config *config = &init->config;

	if (take_text(init, key, value) || take_number(init, key, value))
		return;
	if (!strcmp(key, INIT_KEY_ROOT))
		config->root = root(init, key, value);
	else if (!strcmp(key, INIT_KEY_MOUNT))
		add_share(init, value);
	else if (!strcmp(key, INIT_KEY_STDIN))
		config->streams[STDIN] = stream(init, key, value);
	else if (!strcmp(key, INIT_KEY_STDOUT))
		config->streams[STDOUT] = stream(init, key, value);
	else if (!strcmp(key, INIT_KEY_STDERR))
		config->streams[STDERR] = stream(init, key, value);
	else if (!strcmp(key, INIT_KEY_NETWORK))
		config->network = choice(init, key, value, networks) == 0;
	else
		fail(init, "/" INIT_PATH_CONFIG ": \"%s\" is unknown", key);
}

/* Its end is the NUL of the last record. */
static size_t map_file(struct init *init)
{
	const int fd = open("/" INIT_PATH_CONFIG, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t size;

	if (fd < 0 || fstat(fd, &st))
		fail(init, "/" INIT_PATH_CONFIG ": %m");
	size = (size_t)st.st_size;
	init->config.data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (init->config.data == MAP_FAILED || init->config.data[size - 1])
		fail(init, "/" INIT_PATH_CONFIG ": %m, or its last record is cut off");
	close(fd);
	return size;
}

void config_read(struct init *init)
{
	size_t size;
	char *at, *end;

	init->config.umask = 022;
	size = map_file(init);
	for (at = init->config.data; at < init->config.data + size; at = end + 1) {
		char *value = strchr(at, '=');

		end = at + strlen(at);
		if (!value)
			fail(init, "/" INIT_PATH_CONFIG ": \"%s\" has no value", at);
		*value = '\0';
		take(init, at, value + 1);
	}
}
