/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The record of a command, for the guest's init.
 *
 * The command is to be what it would have been here: same words, same folder, same user,
 * and of the environment what does not belong to this machine's session. With --root it
 * runs in another system, as its root, and with --user as somebody else: then what names a
 * user is left to the guest, whose files know.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/command_record.h"
#include "guest/init.h"

#define ROOTS_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#define HOSTNAME "tane"

/* What is passed on: of any command, and what tells who and where the caller is. */
static const char *const common_names[] = { "TERM", "LANG", "TZ", "COLORTERM" };
static const char *const personal_names[] = { "PATH", "HOME", "USER", "LOGNAME",
					      "SHELL" };

#define NR(table) (sizeof(table) / sizeof((table)[0]))

/* -- records -- */

/* "key=value" by a format. */
static int add(struct record *record, struct err *err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int add(struct record *record, struct err *err, const char *format, ...)
{
	va_list ap;
	char *data;
	int n;

	va_start(ap, format);
	n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	if (n < 0 || record->used + (size_t)n + 1 > INIT_CONFIG_MAX)
		return err_set(err,
			       "the command and its environment are too long: %u "
			       "bytes at most",
			       INIT_CONFIG_MAX);
	if (record->used + (size_t)n + 1 > record->size) {
		record->size = 2 * (record->used + (size_t)n + 1);
		data = realloc(record->data, record->size);
		if (!data)
			return err_set(err, "no memory for the command");
		record->data = data;
	}
	va_start(ap, format);
	(void)vsnprintf(record->data + record->used, (size_t)n + 1, format, ap);
	va_end(ap);
	record->used += (size_t)n + 1;
	return 0;
}

void record_free(struct record *record)
{
	free(record->data);
	*record = (struct record){ 0 };
}

/* -- the environment -- */

/* What getenv() says, of another environment. `length` of the name. */
static const char *value_of(char *const *words, const char *name, size_t length)
{
	for (; words && *words; words++) {
		if (strncmp(*words, name, length) == 0 && (*words)[length] == '=')
			return *words + length + 1;
	}
	return NULL;
}

/* Does --env have the last word on it? */
static bool is_overridden(const struct config_command *command, const char *name)
{
	const size_t length = strcspn(name, "=");

	for (unsigned i = 0; i < command->nr_env; i++) {
		if (strcspn(command->env[i], "=") == length &&
		    strncmp(command->env[i], name, length) == 0)
			return true;
	}
	return false;
}

static int add_names(struct record *record, const struct config_command *command,
		     const struct caller *caller, const char *const *names, size_t nr,
		     struct err *err)
{
	for (size_t i = 0; i < nr; i++) {
		const char *value = value_of(caller->environ, names[i], strlen(names[i]));

		if (value && !is_overridden(command, names[i]) &&
		    add(record, err, INIT_KEY_ENV "=%s=%s", names[i], value))
			return -1;
	}
	return 0;
}

static int add_locale(struct record *record, const struct config_command *command,
		      const struct caller *caller, struct err *err)
{
	for (char *const *at = caller->environ; at && *at; at++) {
		if (strncmp(*at, "LC_", 3) == 0 && !is_overridden(command, *at) &&
		    add(record, err, INIT_KEY_ENV "=%s", *at))
			return -1;
	}
	return 0;
}

/* NAME=VALUE, or NAME as the caller has it. */
static int add_options(struct record *record, const struct config_command *command,
		       const struct caller *caller, struct err *err)
{
	for (unsigned i = 0; i < command->nr_env; i++) {
		const char *text = command->env[i], *value;

		if (strchr(text, '=')) {
			if (add(record, err, INIT_KEY_ENV "=%s", text))
				return -1;
			continue;
		}
		value = value_of(caller->environ, text, strlen(text));
		if (value && add(record, err, INIT_KEY_ENV "=%s=%s", text, value))
			return -1;
	}
	return 0;
}

/* Whoever runs it is somebody else than the caller. */
static bool is_anothers(const struct config_command *command)
{
	return command->root || command->user;
}

static int add_environment(struct record *record, const struct config_command *command,
			   const struct caller *caller, struct err *err)
{
	if (add_names(record, command, caller, common_names, NR(common_names), err) ||
	    add_locale(record, command, caller, err))
		return -1;
	if (!is_anothers(command) &&
	    add_names(record, command, caller, personal_names, NR(personal_names), err))
		return -1;
	if (is_anothers(command) && !is_overridden(command, "PATH") &&
	    add(record, err, INIT_KEY_ENV "=PATH=" ROOTS_PATH))
		return -1;
	return add_options(record, command, caller, err);
}

/* -- the user -- */

/* A number of 32 bits, but for that which stands for none. */
static const char *parse_id(const char *text, unsigned *id)
{
	unsigned long long value;
	char *end;

	if (!isdigit((unsigned char)*text))
		return NULL;
	errno = 0;
	value = strtoull(text, &end, 10);
	*id = (unsigned)value;
	return errno || value >= UINT32_MAX ? NULL : end;
}

/* UID[:GID]. */
static int add_numbers(struct record *record, const char *user, struct err *err)
{
	unsigned uid = 0, gid = 0;
	const char *end = parse_id(user, &uid);

	gid = uid;
	if (end && *end == ':')
		end = parse_id(end + 1, &gid);
	if (!end || *end)
		return err_set(err, "--user: \"%s\" is not NAME or UID[:GID]", user);
	return add(record, err, INIT_KEY_UID "=%u", uid) ||
			       add(record, err, INIT_KEY_GID "=%u", gid)
		       ? -1
		       : 0;
}

static int add_caller(struct record *record, const struct caller *caller, struct err *err)
{
	if (add(record, err, INIT_KEY_UID "=%u", caller->uid) ||
	    add(record, err, INIT_KEY_GID "=%u", caller->gid) ||
	    add(record, err, INIT_KEY_UMASK "=%u", (unsigned)caller->umask))
		return -1;
	for (unsigned i = 0; i < caller->nr_groups; i++) {
		if (add(record, err, INIT_KEY_GROUP "=%u", caller->groups[i]))
			return -1;
	}
	return 0;
}

static int add_root(struct record *record, const struct config_command *command,
		    struct err *err)
{
	static const char *const names[] = { "HOME=/root", "USER=root", "LOGNAME=root",
					     ("SHELL=" INIT_DEFAULT_SHELL) };

	for (size_t i = 0; i < NR(names); i++) {
		if (!is_overridden(command, names[i]) &&
		    add(record, err, INIT_KEY_ENV "=%s", names[i]))
			return -1;
	}
	return add_numbers(record, "0", err);
}

static int add_user(struct record *record, const struct config_command *command,
		    const struct caller *caller, struct err *err)
{
	if (!is_anothers(command))
		return add_caller(record, caller, err);
	if (!command->user)
		return add_root(record, command, err);
	if (isdigit((unsigned char)command->user[0]))
		return add_numbers(record, command->user, err);
	return add(record, err, INIT_KEY_USER "=%s", command->user);
}

/* -- the rest -- */

/* No command: the caller's shell, or what the guest has. */
static int add_words(struct record *record, const struct config_command *command,
		     const struct caller *caller, struct err *err)
{
	const char *shell = value_of(caller->environ, "SHELL", strlen("SHELL"));

	for (unsigned i = 0; i < command->argc; i++) {
		if (add(record, err, INIT_KEY_ARGUMENT "=%s", command->argv[i]))
			return -1;
	}
	if (command->argc || is_anothers(command) || !shell || shell[0] != '/' ||
	    access(shell, X_OK) != 0)
		return 0;
	return add(record, err, INIT_KEY_ARGUMENT "=%s", shell);
}

static int add_streams(struct record *record, const struct caller *caller,
		       struct err *err)
{
	static const char *const keys[] = { INIT_KEY_STDIN, INIT_KEY_STDOUT,
					    INIT_KEY_STDERR };
	static const char *const names[] = {
		[CALLER_NULL] = INIT_STREAM_NULL,
		[CALLER_PIPE] = INIT_STREAM_PIPE,
		[CALLER_TTY] = INIT_STREAM_TTY,
		[CALLER_STDOUT] = INIT_STREAM_STDOUT,
	};

	for (unsigned i = 0; i < 3; i++) {
		if (add(record, err, "%s=%s", keys[i], names[caller->streams[i]]))
			return -1;
	}
	if (!caller->rows || !caller->cols)
		return 0;
	return add(record, err, INIT_KEY_ROWS "=%u", caller->rows) ||
			       add(record, err, INIT_KEY_COLUMNS "=%u", caller->cols)
		       ? -1
		       : 0;
}

/* A share that is not the root, and where it is to be. */
struct place {
	const struct config_share *share;
	char *path;
};

/* One way to write a path that has no "..": "/a//b/./" becomes "/a/b", and "/" is "". */
static void normalise(char *path)
{
	char *to = path;

	for (const char *at = path; *at;) {
		size_t length;

		at += strspn(at, "/");
		length = strcspn(at, "/");
		if (length && !(length == 1 && at[0] == '.')) {
			*to++ = '/';
			memmove(to, at, length);
			to += length;
		}
		at += length;
	}
	*to = '\0';
}

/* at=, or where it is here. */
static int find_place(struct place *place, const struct config_share *share,
		      struct err *err)
{
	char *path = share->at ? strdup(share->at) : realpath(share->path, NULL);

	*place = (struct place){ share, path };
	if (!path)
		return err_errno(err, "--share \"%s\"", share->path);
	normalise(path);
	if (!path[0])
		return err_set(err,
			       "--share \"%s\": / is the command's root (--root DIR, "
			       "--rw): say where else it is to be (at=PATH)",
			       share->path);
	return 0;
}

/* A folder is less than those in it. */
static int compare_places(const void *one, const void *other)
{
	const struct place *a = one, *b = other;

	return strcmp(a->path, b->path);
}

static int add_mount(struct record *record, const struct place *place, struct err *err)
{
	const struct config_share *share = place->share;
	const char *cache = share->cache;

	if (!cache)
		cache = share->writable ? "mmap" : "loose";
	return add(record, err, INIT_KEY_MOUNT "=%s,%s,%s,%s",
		   share->writable ? INIT_MOUNT_RW : INIT_MOUNT_RO, cache, share->tag,
		   place->path);
}

/* In such an order that none hides another one. */
static int add_places(struct record *record, struct place *places, unsigned nr,
		      struct err *err)
{
	qsort(places, nr, sizeof(*places), compare_places);
	for (unsigned i = 0; i < nr; i++) {
		if (i && strcmp(places[i - 1].path, places[i].path) == 0)
			return err_set(err, "--share: two are to be at \"%s\" (at=)",
				       places[i].path);
		if (add_mount(record, &places[i], err))
			return -1;
	}
	return 0;
}

static int add_shares(struct record *record, const struct vm_config *config,
		      struct err *err)
{
	struct place places[CONFIG_MAX_SHARES] = { 0 };
	unsigned nr = 0;
	int r = 0;

	for (unsigned i = 0; i < config->nr_shares && !r; i++) {
		if (strcmp(config->shares[i].tag, INIT_TAG_ROOT) != 0)
			r = find_place(&places[nr++], &config->shares[i], err);
	}
	if (!r)
		r = add_places(record, places, nr, err);
	while (nr)
		free(places[--nr].path);
	return r;
}

static int add_files(struct record *record, const struct vm_config *config,
		     struct err *err)
{
	const char *root = config->command.writable ? INIT_ROOT_RW : INIT_ROOT_OVERLAY;

	return add(record, err, INIT_KEY_ROOT "=%s", root) ||
			       add_shares(record, config, err)
		       ? -1
		       : 0;
}

int record_build(struct record *record, const struct vm_config *config,
		 const struct caller *caller, struct err *err)
{
	const struct config_command *command = &config->command;
	const char *cwd = command->cwd;

	if (!cwd)
		cwd = command->root ? "/" : caller->cwd;
	if (add_files(record, config, err) || add_words(record, command, caller, err) ||
	    add_environment(record, command, caller, err) ||
	    add_user(record, command, caller, err) || add_streams(record, caller, err) ||
	    add(record, err, INIT_KEY_CWD "=%s", cwd) ||
	    add(record, err, INIT_KEY_HOSTNAME "=%s",
		config->name ? config->name : HOSTNAME))
		return -1;
	return config->nr_nets ? add(record, err, INIT_KEY_NETWORK "=" INIT_NETWORK_DHCP)
			       : 0;
}
