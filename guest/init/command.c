/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command: its user, its folder, its streams.
 *
 * The init leads the session, and the command is a process group in it, as a shell would
 * have it. So the command can be stopped: a group without such a parent is an orphan, for
 * which the kernel ignores SIGTSTP; PID 1 is no such parent, see main.c. A terminal is the
 * session's.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "private.h"
#include "refusal.h"

#define MAX_GROUPS 65536      /* NGROUPS_MAX of Linux */
#define MAX_FILES  (1u << 20) /* what fs.nr_open is if nobody changes it */

struct user {
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t nr_groups;
};

/* What the command gets as 0, 1 and 2. */
struct ends {
	int streams[STREAMS];
};

static const char *const ports[STREAMS] = {
	[STDIN] = INIT_PORT_STDIN,
	[STDOUT] = INIT_PORT_STDOUT,
	[STDERR] = INIT_PORT_STDERR,
};

/* -- what the user has asked for and cannot have -- */

static const char *command_name(const struct config *config)
{
	const char *shell = getenv("SHELL");

	if (config->arguments.nr)
		return config->arguments.values[0];
	return shell ? shell : INIT_DEFAULT_SHELL;
}

static const char *folder_of(const struct config *config)
{
	return config->cwd ? config->cwd : "/";
}

static const char *subject_of(const struct config *config, enum step step)
{
	if (step == FIND_USER)
		return config->user;
	return step == ENTER_FOLDER ? folder_of(config) : command_name(config);
}

static void refuse(struct init *init, const struct refusal *refusal)
{
	const char *subject = subject_of(&init->config, refusal->step);
	char text[INIT_LINE_MAX];
	int status;

	if (refusal->step == BECOME_USER)
		fail(init, "cannot become the user: %s", strerror(refusal->error));
	status = refusal_describe(refusal, subject, text, sizeof(text));
	say(init, INIT_SAY_ERROR " %s", text);
	finish(init, status);
}

/* -- the user -- */

static void add_group(struct init *init, struct user *user, gid_t group)
{
	if (user->nr_groups == MAX_GROUPS)
		return;
	user->groups =
		realloc(user->groups, (user->nr_groups + 1) * sizeof(*user->groups));
	if (!user->groups)
		fail(init, "no memory for the user's groups");
	user->groups[user->nr_groups++] = group;
}

static bool has_env(const struct config *config, const char *name)
{
	const size_t n = strlen(name);

	for (unsigned i = 0; i < config->env.nr; i++) {
		if (!strncmp(config->env.values[i], name, n) &&
		    config->env.values[i][n] == '=')
			return true;
	}
	return false;
}

/* The environment is ours until the command has it. */
static void set_default(const struct config *config, const char *name, const char *value)
{
	if (value && value[0] && !has_env(config, name))
		setenv(name, value, 1);
}

static void take_passwd(struct init *init, struct user *user)
{
	const char *name = init->config.user;
	FILE *file = fopen("/etc/passwd", "re");
	const struct passwd *entry = NULL;

	while (file && (entry = fgetpwent(file)) && strcmp(entry->pw_name, name))
		;
	if (!entry)
		refuse(init, &(struct refusal){ FIND_USER, 0 });
	user->uid = entry->pw_uid;
	user->gid = entry->pw_gid;
	add_group(init, user, user->gid);
	set_default(&init->config, "HOME", entry->pw_dir);
	set_default(&init->config, "SHELL", entry->pw_shell);
	set_default(&init->config, "USER", name);
	set_default(&init->config, "LOGNAME", name);
	fclose(file);
}

static void take_groups(struct init *init, struct user *user)
{
	FILE *file = fopen("/etc/group", "re");
	const struct group *entry;

	while (file && (entry = fgetgrent(file))) {
		for (char **member = entry->gr_mem; *member; member++) {
			if (!strcmp(*member, init->config.user))
				add_group(init, user, entry->gr_gid);
		}
	}
	if (file)
		fclose(file);
}

static struct user find_user(struct init *init)
{
	const struct config *config = &init->config;
	struct user user = { .uid = (uid_t)config->uid, .gid = (gid_t)config->gid };

	if (config->user) {
		take_passwd(init, &user);
		take_groups(init, &user);
		return user;
	}
	for (unsigned i = 0; i < config->groups.nr; i++)
		add_group(init, &user,
			  (gid_t)strtoul(config->groups.values[i], NULL, 10));
	return user;
}

static void set_environment(const struct config *config)
{
	clearenv();
	for (unsigned i = 0; i < config->env.nr; i++)
		putenv(config->env.values[i]);
}

/* -- the streams -- */

static void set_terminal_size(struct init *init)
{
	const struct winsize size = {
		.ws_row = (unsigned short)init->config.rows,
		.ws_col = (unsigned short)init->config.columns,
	};

	if (size.ws_row && size.ws_col)
		ioctl(init->tty, TIOCSWINSZ, &size);
}

/* A pseudo terminal, which becomes the one of this session. */
static void open_terminal(struct init *init, const struct user *user)
{
	const int unlock = 0;
	struct termios termios;
	int fd = -1;

	init->tty = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (init->tty >= 0 && !ioctl(init->tty, TIOCSPTLCK, &unlock))
		fd = ioctl(init->tty, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, TIOCSCTTY, 0))
		fail(init, "no terminal for the command: %m; the kernel needs "
			   "CONFIG_UNIX98_PTYS");
	if (!tcgetattr(fd, &termios)) {
		termios.c_iflag |= IUTF8;
		tcsetattr(fd, TCSANOW, &termios);
	}
	set_terminal_size(init);
	/* Programs open it anew, by its name. */
	(void)!fchown(fd, user->uid, (gid_t)-1);
	/* And may have it closed in between, which must not look like its end. */
	init->slave = fd;
}

static int open_port(struct init *init, const char *name)
{
	const int fd = port_open(name);

	if (fd < 0)
		fail(init, "there is no port \"%s\"", name);
	return fd;
}

static int duplicate(struct init *init, int fd)
{
	const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy < 0)
		fail(init, "no descriptor: %m");
	return copy;
}

static void connect_terminal(struct init *init)
{
	struct pump *in = &init->pumps[PUMP_TTY_IN], *out = &init->pumps[PUMP_TTY_OUT];

	/* Each pump has descriptors of its own, to be closed when it likes. */
	out->to = open_port(init, INIT_PORT_TTY);
	out->from = duplicate(init, init->tty);
	if (init->config.streams[STDIN] == STREAM_TTY) {
		in->from = duplicate(init, out->to);
		in->to = duplicate(init, init->tty);
	}
}

/* Of the pipe, only our end does not block. */
static void connect_pipe(struct init *init, struct ends *ends, unsigned stream)
{
	const bool is_input = stream == STDIN;
	struct pump *pump = &init->pumps[PUMP_STDIN + stream];
	const int port = open_port(init, ports[stream]);
	int pipe_ends[2];

	if (pipe2(pipe_ends, O_CLOEXEC) ||
	    fcntl(pipe_ends[is_input], F_SETFL, O_NONBLOCK))
		fail(init, "no pipe for the command: %m");
	ends->streams[stream] = pipe_ends[!is_input];
	pump->from = is_input ? port : pipe_ends[0];
	pump->to = is_input ? pipe_ends[1] : port;
}

static void connect_stream(struct init *init, const struct user *user, struct ends *ends,
			   unsigned stream)
{
	switch (init->config.streams[stream]) {
	case STREAM_PIPE:
		connect_pipe(init, ends, stream);
		break;
	case STREAM_TTY:
		if (init->slave < 0)
			open_terminal(init, user);
		ends->streams[stream] = duplicate(init, init->slave);
		break;
	case STREAM_STDOUT:
		ends->streams[stream] = duplicate(init, ends->streams[STDOUT]);
		break;
	case STREAM_NULL:
		ends->streams[stream] = open("/dev/null", O_RDWR | O_CLOEXEC);
		break;
	}
}

static struct ends connect(struct init *init, const struct user *user)
{
	struct ends ends;

	for (unsigned i = 0; i < PUMPS; i++)
		init->pumps[i].from = init->pumps[i].to = -1;
	for (unsigned i = 0; i < STREAMS; i++)
		connect_stream(init, user, &ends, i);
	if (init->slave >= 0)
		connect_terminal(init);
	return ends;
}

static void close_ends(const struct ends *ends)
{
	for (unsigned i = 0; i < STREAMS; i++)
		close(ends->streams[i]);
}

/* -- the process -- */

/* The command in the child. Returns only if it cannot be executed. */
static struct refusal become_command(const struct init *init, const struct user *user,
				     const struct ends *ends)
{
	const struct config *config = &init->config;
	/* A first process has less than those of a login: 4096. */
	static const struct rlimit files = { .rlim_cur = 1024, .rlim_max = MAX_FILES };
	char *shell[] = { getenv("SHELL"), NULL };
	sigset_t none;

	if (!shell[0])
		shell[0] = (char *)INIT_DEFAULT_SHELL;
	setpgid(0, 0);
	if (init->slave >= 0)
		tcsetpgrp(init->slave, getpid());
	/* None of these has one of the numbers (open_standard()). */
	for (int i = 0; i < STREAMS; i++)
		dup2(ends->streams[i], i);
	setrlimit(RLIMIT_NOFILE, &files);
	if (setgroups(user->nr_groups, user->groups) || setgid(user->gid) ||
	    setuid(user->uid))
		return (struct refusal){ BECOME_USER, errno };
	if (chdir(folder_of(config)))
		return (struct refusal){ ENTER_FOLDER, errno };
	umask((mode_t)config->umask);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (config->arguments.nr)
		execvp(config->arguments.values[0], config->arguments.values);
	else
		execv(shell[0], shell);
	return (struct refusal){ EXECUTE, errno };
}

void command_start(struct init *init)
{
	struct refusal refusal = { EXECUTE, 0 };
	struct ends ends;
	struct user user;
	int pipe_ends[2];

	set_environment(&init->config);
	user = find_user(init);
	/* For SIGHUP, when it loses its terminal, it has no use. */
	setsid();
	ends = connect(init, &user);
	if (pipe2(pipe_ends, O_CLOEXEC))
		fail(init, "no pipe: %m");
	init->command = fork();
	if (init->command < 0)
		fail(init, "no process for the command: %m");
	if (init->command == 0) {
		refusal = become_command(init, &user, &ends);
		(void)!write(pipe_ends[1], &refusal, sizeof(refusal));
		_exit(INIT_STATUS_CANNOT_EXECUTE);
	}
	close(pipe_ends[1]);
	close_ends(&ends);
	/* The pipe is closed by the execution. */
	if (read(pipe_ends[0], &refusal, sizeof(refusal)) == sizeof(refusal))
		refuse(init, &refusal);
	close(pipe_ends[0]);
	say(init, INIT_SAY_STARTED);
}
