/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of a command that does not run; see refusal.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "guest/init.h"
#include "refusal.h"

/* What a line has room for beside "error" and the reason. */
#define MAX_SUBJECT 384

static const char *const kinds[] = {
	[FIND_USER] = "--user",
	[ENTER_FOLDER] = "--cwd",
	[EXECUTE] = "command",
};

/* Words without a slash are looked for in PATH. */
static const char *reason_of(const struct refusal *refusal, const char *subject)
{
	if (refusal->step == FIND_USER)
		return "there is no such user";
	if (refusal->step == EXECUTE && refusal->error == ENOENT && !strchr(subject, '/'))
		return "not found";
	return strerror(refusal->error);
}

int refusal_describe(const struct refusal *refusal, const char *subject, char *text,
		     size_t size)
{
	snprintf(text, size, "%s \"%.*s%s\": %s", kinds[refusal->step], MAX_SUBJECT,
		 subject, strlen(subject) > MAX_SUBJECT ? "..." : "",
		 reason_of(refusal, subject));
	if (refusal->step != EXECUTE)
		return INIT_STATUS_NOT_STARTED;
	return refusal->error == ENOENT ? INIT_STATUS_NOT_FOUND
					: INIT_STATUS_CANNOT_EXECUTE;
}
