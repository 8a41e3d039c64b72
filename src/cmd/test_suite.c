/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many tests: the files of `tane test FILE|FOLDER...`, each in a process of its own.
 *
 * All files are parsed first. Then a child is forked for each, -j of them at once: it goes
 * to the folder of its file, and is what `tane test` with the options of the file would
 * be. What it prints comes through a pipe, of which the newest is kept; its result stands
 * in memory that we share. So no test can hurt another one, and the end of ours is
 * theirs: by a signal that they get when we die, however we do.
 *
 * The child returns from all of this to main(), as if it were the whole program.
 *
 * One file by itself is run right here: what it prints comes as it happens, and the exit
 * status is its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arch/arch.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "cmd/signals.h"
#include "cmd/test.h"
#include "cmd/test_paths.h"
#include "core/loop.h"
#include "judge/junit.h"
#include "util/fd.h"

#define MAX_OUTPUT (1u << 20) /* of a test that are kept */

/* A child that takes so much longer than its test may is ended. */
#define GRACE_NS 20000000000

/* What a child leaves in shared memory. */
struct shared_result {
	struct test_result result;
	bool done;
};

struct suite;

struct job {
	struct suite *suite;
	const char *path;
	pid_t pid; /* 0: it does not run */
	int64_t began_ns, ns;
	struct shared_result *shared;
	struct loop_source pipe; /* what it prints; fd -1: nothing comes any more */
	struct loop_timer limit;
	char *output; /* owned */
	size_t nr_output;
	enum junit_result result;
	char why[TEST_MAX_WHY];
	bool is_over;
};

struct suite {
	const struct test_options *options;
	struct loop loop;
	struct loop_source signals;
	sigset_t old_mask;
	struct job *jobs;
	size_t nr_jobs, next; /* next: the first that was not begun */
	unsigned running;
	int signal; /* that ends us; 0: none */
	int64_t began_ns;
};

/* -- one file -- */

static const char *lookup(const char *name)
{
	return getenv(name);
}

static int read_file(const char *path, struct test_file *file, struct err *err)
{
	struct file_contents contents;
	int r;

	if (file_read(&contents, path, TEST_FILE_SIZE, err))
		return -1;
	r = test_file_parse(file, path, contents.bytes, lookup, err);
	file_release(&contents);
	return r;
}

static int enter_folder(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	char *folder;
	int r;

	if (!slash)
		return 0;
	folder = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (!folder)
		return err_set(err, "no memory");
	r = chdir(folder);
	if (r)
		err_errno(err, "\"%s\"", folder);
	free(folder);
	return r;
}

/* The line of the word that the parser of options was at. */
static unsigned line_of(const struct test_file *file, unsigned position)
{
	const unsigned last = file->nr_words - 1;

	return file->lines[position < last ? position : last];
}

/* In the folder of `path`, whose words are in `file`. */
static void run_words(const char *path, struct test_file *file, bool verbose,
		      struct test_result *result)
{
	struct test_options options = { .in_file = true };
	struct err err;
	char test[] = "test", *words[] = { test, (char *)path },
	     *repeat = test_quote(2, words);
	int r = enter_folder(path, &err);

	if (!repeat)
		r = err_set(&err, "no memory");
	if (!r) {
		r = test_parse((int)file->nr_words, file->words, &options, &err);
		if (r > 0)
			err_set(&err, "--help is no option of a test");
		if (r)
			err_prefix(&err, "%s:%u: ", path,
				   line_of(file, (unsigned)options_position()));
	}
	options.test.verbose = verbose;
	options.test.repeat = repeat;
	if (!r) {
		test_run(&options.test, result);
	} else {
		result->status = EXIT_USAGE;
		snprintf(result->why, sizeof(result->why), "%s", err.text);
		fprintf(stderr, "tane: %s\n", err.text);
	}
	test_options_free(&options);
	free(repeat);
}

/* Say which architectures it is for, if ours is not among them. */
static bool is_skipped(const struct test_file *file, struct test_result *result)
{
	if (test_file_suits(file, arch_name))
		return false;
	snprintf(result->why, sizeof(result->why), "it is for %.100s, this tane runs %s",
		 file->arch, arch_name);
	result->status = EXIT_SKIPPED;
	return true;
}

static void run_file(const char *path, bool verbose, struct test_result *result)
{
	struct test_file file;
	struct err err;

	if (read_file(path, &file, &err)) {
		result->status = EXIT_USAGE;
		snprintf(result->why, sizeof(result->why), "%s", err.text);
		fprintf(stderr, "tane: %s\n", err.text);
		return;
	}
	if (!is_skipped(&file, result))
		run_words(path, &file, verbose, result);
	test_file_free(&file);
}

static int run_alone(const struct test_options *options, const char *path)
{
	struct test_result result = { .status = EXIT_NOT_RUN };

	run_file(path, options->test.verbose, &result);
	if (result.status == EXIT_SKIPPED)
		fprintf(stderr, "tane: skipped: %s\n", result.why);
	return result.status;
}

/* -- children -- */

/* Keep the newest of what it prints. */
static void keep(struct job *job, const char *data, size_t n)
{
	char *grown;

	if (job->nr_output + n > MAX_OUTPUT) {
		const size_t half = job->nr_output / 2;

		memmove(job->output, job->output + half, job->nr_output - half);
		job->nr_output -= half;
	}
	grown = realloc(job->output, job->nr_output + n);
	if (!grown)
		return;
	job->output = grown;
	memcpy(job->output + job->nr_output, data, n);
	job->nr_output += n;
}

/* Read once. false if there is nothing more for now. */
static bool take_output(struct job *job)
{
	char data[16384];
	const ssize_t n = read(job->pipe.fd, data, sizeof(data));

	if (n > 0)
		keep(job, data, (size_t)n);
	return n > 0 || (n < 0 && errno == EINTR);
}

static void close_pipe(struct job *job)
{
	if (job->pipe.fd < 0)
		return;
	loop_remove(&job->suite->loop, &job->pipe);
	close(job->pipe.fd);
	job->pipe.fd = -1;
}

static void on_printed(void *opaque, uint32_t epoll_events)
{
	struct job *job = opaque;

	if (!take_output(job) && (epoll_events & EPOLLHUP))
		close_pipe(job);
}

/* It hangs, which no test should be able to bring about. */
static void on_limit(void *opaque)
{
	const struct job *job = opaque;

	if (job->pid)
		kill(job->pid, SIGKILL);
}

/* In the child: be `tane test FILE`. */
static int be_child(struct suite *suite, struct job *job, int out, pid_t parent)
{
	const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct err err;

	/* Who is in an epoll is shared with our parent: have one of our own. */
	loop_destroy(&suite->loop);
	if (loop_init(&suite->loop, &err) || prctl(PR_SET_PDEATHSIG, SIGKILL) ||
	    getppid() != parent || null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
		return EXIT_NOT_RUN;
	close(null);
	close(out);
	pthread_sigmask(SIG_SETMASK, &suite->old_mask, NULL);
	run_file(job->path, suite->options->test.verbose, &job->shared->result);
	fflush(stdout);
	job->shared->done = true;
	return job->shared->result.status;
}

/* How long the test may take, as its file says. */
static int64_t limit_of(const char *path)
{
	struct test_options options = { .in_file = true };
	struct test_file file;
	struct err err;
	int64_t ns = 0;

	if (read_file(path, &file, &err))
		return GRACE_NS;
	(void)test_parse((int)file.nr_words, file.words, &options, &err);
	ns = options.test.timeout_ns;
	test_options_free(&options);
	test_file_free(&file);
	return ns + GRACE_NS;
}

/* 1: this is the child, and *status is what it ends with. */
static int begin(struct suite *suite, struct job *job, int *status, struct err *err)
{
	const pid_t parent = getpid();
	int ends[2];

	if (loop_timer_init(&job->limit, &suite->loop, on_limit, job, err))
		return -1;
	if (pipe2(ends, O_CLOEXEC))
		return err_errno(err, "pipe");
	fflush(NULL);
	job->began_ns = loop_now();
	job->pid = fork();
	if (job->pid == 0) {
		close(ends[0]);
		*status = be_child(suite, job, ends[1], parent);
		return 1;
	}
	close(ends[1]);
	job->pipe = (struct loop_source){ ends[0], on_printed, job };
	if (job->pid < 0) {
		job->pid = 0;
		return err_errno(err, "fork");
	}
	suite->running++;
	loop_timer_arm(&job->limit, job->began_ns + limit_of(job->path));
	return fcntl(ends[0], F_SETFL, O_NONBLOCK)
		       ? err_errno(err, "pipe")
		       : loop_add(&suite->loop, &job->pipe, EPOLLIN, err);
}

/* -- results -- */

static void conclude(struct job *job, int wait_status)
{
	const struct test_result *result = &job->shared->result;

	snprintf(job->why, sizeof(job->why), "%s", result->why);
	if (!job->shared->done) {
		job->result = JUNIT_ERROR;
		if (WIFSIGNALED(wait_status))
			snprintf(job->why, sizeof(job->why), "tane was killed: %s",
				 strsignal(WTERMSIG(wait_status)));
		else
			snprintf(job->why, sizeof(job->why), "tane did not run it");
		return;
	}
	switch (result->status) {
	case EXIT_PASSED:
		job->result = JUNIT_PASSED;
		break;
	case EXIT_FAILED:
		job->result = JUNIT_FAILED;
		break;
	case EXIT_TIMED_OUT:
		job->result = JUNIT_TIMED_OUT;
		break;
	case EXIT_SKIPPED:
		job->result = JUNIT_SKIPPED;
		break;
	default:
		job->result = JUNIT_ERROR;
		break;
	}
}

/*
 * A character, or one byte if that is none: control characters of a guest, or of somebody's
 * file, are not for our terminal. Returns how many bytes that was.
 */
static size_t print_character(const char *text, size_t n)
{
	const uint8_t *p = (const uint8_t *)text;
	const size_t length = junit_character(p, n);
	const bool is_c1 = length == 2 && p[0] == 0xc2 && p[1] < 0xa0;

	if (!length || is_c1 || *p == 0x7f || *p == '\r') {
		printf("\\x%02x", *p);
		return 1;
	}
	fwrite(p, length, 1, stdout);
	return length;
}

static void print_line(const char *text)
{
	for (size_t n = strlen(text), at = 0; at < n;)
		at += print_character(text + at, n - at);
}

static void print_output(const char *text, size_t n)
{
	bool at_start = true;

	for (size_t i = 0; i < n;) {
		if (text[i] == '\r') {
			i++;
			continue;
		}
		if (at_start)
			fputs("        ", stdout);
		at_start = text[i] == '\n';
		i += print_character(text + i, n - i);
	}
	if (!at_start)
		putchar('\n');
}

/* Is all that it has printed what its line tells already? */
static bool says_why_only(const struct job *job)
{
	const char prefix[] = "tane: ";
	const size_t n = strlen(prefix) + strlen(job->why) + 1;

	return job->nr_output == n &&
	       memcmp(job->output + strlen(prefix), job->why, strlen(job->why)) == 0;
}

static void print_job(const struct suite *suite, const struct job *job)
{
	static const char *const words[] = {
		[JUNIT_PASSED] = "ok",      [JUNIT_FAILED] = "FAIL",
		[JUNIT_TIMED_OUT] = "TIME", [JUNIT_ERROR] = "ERROR",
		[JUNIT_SKIPPED] = "skip",
	};
	const bool is_fine = job->result == JUNIT_PASSED || job->result == JUNIT_SKIPPED;

	printf("%-5s %8.3f s  ", words[job->result], (double)job->ns / 1e9);
	/* "FILE:LINE: why" says which file it is. */
	if (strncmp(job->why, job->path, strlen(job->path)) != 0) {
		print_line(job->path);
		fputs(job->why[0] ? ": " : "", stdout);
	}
	print_line(job->why);
	putchar('\n');
	if ((!is_fine || suite->options->test.verbose) && !says_why_only(job))
		print_output(job->output, job->nr_output);
	fflush(stdout);
}

static void reap(struct suite *suite, struct job *job)
{
	int wait_status;

	if (!job->pid || waitpid(job->pid, &wait_status, WNOHANG) != job->pid)
		return;
	job->pid = 0;
	job->is_over = true;
	job->ns = loop_now() - job->began_ns;
	suite->running--;
	while (job->pipe.fd >= 0 && take_output(job))
		;
	close_pipe(job);
	loop_timer_destroy(&job->limit, &suite->loop);
	conclude(job, wait_status);
	if (!suite->signal)
		print_job(suite, job);
}

/* SIGCHLD does not say how many there are. */
static void on_signal(void *opaque, uint32_t epoll_events)
{
	struct suite *suite = opaque;
	struct signalfd_siginfo info;

	(void)epoll_events;
	if (read(suite->signals.fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo != SIGCHLD)
		suite->signal = (int)info.ssi_signo;
	for (size_t i = 0; i < suite->next; i++)
		reap(suite, &suite->jobs[i]);
}

/* -- all of them -- */

static int watch_signals(struct suite *suite, struct err *err)
{
	const int child = SIGCHLD;

	return signals_watch(&suite->signals, &suite->loop, on_signal, suite, &child, 1,
			     &suite->old_mask, err);
}

static int make_jobs(struct suite *suite, const struct test_paths *paths, struct err *err)
{
	struct shared_result *shared =
		mmap(NULL, paths->nr * sizeof(*shared), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		return err_errno(err, "memory for %zu tests", paths->nr);
	suite->jobs = calloc(paths->nr, sizeof(*suite->jobs));
	if (!suite->jobs) {
		munmap(shared, paths->nr * sizeof(*shared));
		return err_set(err, "no memory for %zu tests", paths->nr);
	}
	suite->nr_jobs = paths->nr;
	for (size_t i = 0; i < paths->nr; i++) {
		struct job *job = &suite->jobs[i];

		job->suite = suite;
		job->path = paths->paths[i];
		job->shared = &shared[i];
		job->pipe.fd = job->limit.source.fd = -1;
	}
	return 0;
}

static unsigned at_once(const struct suite *suite)
{
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (suite->options->jobs)
		return suite->options->jobs;
	return cpus > 0 ? (unsigned)cpus : 1;
}

/* 1: this is a child; 0: all have ended, or a signal says to end; -1: an error. */
static int run_jobs(struct suite *suite, int *status, struct err *err)
{
	const unsigned limit = at_once(suite);

	while (!suite->signal && (suite->running || suite->next < suite->nr_jobs)) {
		while (suite->running < limit && suite->next < suite->nr_jobs) {
			const int r =
				begin(suite, &suite->jobs[suite->next++], status, err);

			if (r)
				return r;
		}
		if (loop_turn(&suite->loop, -1, err))
			return -1;
	}
	return 0;
}

static void end_children(struct suite *suite)
{
	for (size_t i = 0; i < suite->next; i++) {
		struct job *job = &suite->jobs[i];

		if (job->pid) {
			kill(job->pid, SIGKILL);
			(void)waitpid(job->pid, NULL, 0);
		}
		job->pid = 0;
	}
}

static int write_junit(const struct suite *suite, struct err *err)
{
	struct junit_case *cases = calloc(suite->nr_jobs, sizeof(*cases));
	const char *path = suite->options->junit;
	FILE *file = cases ? fopen(path, "we") : NULL;
	int failed;

	if (!file) {
		err_errno(err, "--junit \"%s\"", path);
		free(cases);
		return -1;
	}
	for (size_t i = 0; i < suite->nr_jobs; i++) {
		const struct job *job = &suite->jobs[i];

		cases[i] = (struct junit_case){
			.name = job->path,
			.result = job->is_over ? job->result : JUNIT_SKIPPED,
			.seconds = (double)job->ns / 1e9,
			.message = job->is_over ? job->why : "interrupted",
			.output = job->output,
			.nr_output = job->nr_output,
		};
	}
	junit_write(file, cases, suite->nr_jobs,
		    (double)(loop_now() - suite->began_ns) / 1e9);
	free(cases);
	failed = ferror(file);
	return fclose(file) || failed ? err_errno(err, "--junit \"%s\"", path) : 0;
}

/* The last line; whether all is well. */
static bool summarize(const struct suite *suite)
{
	static const char *const words[] = {
		[JUNIT_PASSED] = "passed",       [JUNIT_FAILED] = "failed",
		[JUNIT_TIMED_OUT] = "timed out", [JUNIT_ERROR] = "could not be run",
		[JUNIT_SKIPPED] = "skipped",
	};
	size_t counts[sizeof(words) / sizeof(words[0])] = { 0 };

	for (size_t i = 0; i < suite->nr_jobs; i++)
		counts[suite->jobs[i].result] += suite->jobs[i].is_over;
	printf("%zu test%s:", suite->nr_jobs, suite->nr_jobs == 1 ? "" : "s");
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (counts[i] || i == JUNIT_PASSED)
			printf("%s %zu %s", i ? "," : "", counts[i], words[i]);
	}
	printf(" in %.3f s%s\n", (double)(loop_now() - suite->began_ns) / 1e9,
	       suite->signal ? ", interrupted" : "");
	return counts[JUNIT_PASSED] + counts[JUNIT_SKIPPED] == suite->nr_jobs;
}

static int finish(struct suite *suite, struct err *err)
{
	const bool well = summarize(suite);

	if (suite->options->junit && write_junit(suite, err)) {
		fprintf(stderr, "tane: %s\n", err->text);
		return EXIT_NOT_RUN;
	}
	if (suite->signal)
		return EXIT_SIGNAL + suite->signal;
	return well ? EXIT_PASSED : EXIT_FAILED;
}

static void destroy(struct suite *suite)
{
	for (size_t i = 0; i < suite->nr_jobs; i++) {
		struct job *job = &suite->jobs[i];

		if (job->pipe.fd >= 0)
			close(job->pipe.fd);
		loop_timer_destroy(&job->limit, &suite->loop);
		free(job->output);
	}
	if (suite->nr_jobs)
		munmap(suite->jobs[0].shared,
		       suite->nr_jobs * sizeof(struct shared_result));
	free(suite->jobs);
	if (suite->signals.fd >= 0)
		close(suite->signals.fd);
	loop_destroy(&suite->loop);
}

static int run_all(const struct test_options *options, const struct test_paths *paths)
{
	struct suite suite = { .options = options, .signals.fd = -1 };
	struct err err = { "" };
	int status = EXIT_NOT_RUN, r = -1;

	if (loop_init(&suite.loop, &err)) {
		fprintf(stderr, "tane: %s\n", err.text);
		return EXIT_NOT_RUN;
	}
	suite.began_ns = loop_now();
	if (!make_jobs(&suite, paths, &err) && !watch_signals(&suite, &err))
		r = run_jobs(&suite, &status, &err);
	if (r <= 0)
		end_children(&suite);
	if (r == 0)
		status = finish(&suite, &err);
	else if (r < 0)
		fprintf(stderr, "tane: %s\n", err.text);
	destroy(&suite);
	return status;
}

int test_suite(struct test_options *options)
{
	struct test_paths paths = { .nr = 0 };
	struct stat st;
	struct err err;
	int status = EXIT_USAGE;

	if (options->nr_paths == 1 && !options->junit &&
	    (stat(options->paths[0], &st) || !S_ISDIR(st.st_mode)))
		return run_alone(options, options->paths[0]);
	if (test_paths_find(&paths, options->paths, options->nr_paths, &err))
		fprintf(stderr, "tane: %s\n", err.text);
	else
		status = run_all(options, &paths);
	test_paths_free(&paths);
	return status;
}
