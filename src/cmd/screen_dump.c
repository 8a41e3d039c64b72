/* SPDX-License-Identifier: BSD-2-Clause */
/* The screen as text in a file; see text_screen_text(). */
#include <stdio.h>

#include "arch/arch.h"
#include "cmd/screen_dump.h"

int screen_dump(struct vm *vm, const char *path, struct err *err)
{
	struct text_screen screen = { 0 };
	char text[TEXT_SCREEN_TEXT_SIZE];
	FILE *file = fopen(path, "we");
	bool failed;

	if (!file)
		return err_errno(err, "--screen-dump \"%s\"", path);
	(void)machine_screen(vm, &screen);
	text_screen_text(&screen, text);
	if (screen.width)
		fprintf(file, "graphics mode %ux%u: not shown\n", screen.width,
			screen.height);
	fputs(text, file);
	failed = ferror(file);
	if (fclose(file) || failed)
		return err_errno(err, "--screen-dump \"%s\"", path);
	return 0;
}
