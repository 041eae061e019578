// SPDX-License-Identifier: GPL-2.0-only
/*
 * PID 1 of the VM: loads what the root needs, makes the host's root its own, read-only, runs one
 * script, and writes its TAP to a port of the host's, with what the kernel log says of each test.
 * The host believes only what is written: the last line is the script's exit status.
 * A machine that has no shares with the host brings all of it along: VM_RESULT names its port then. One without a
 * clock is told the time: VM_CLOCK, in seconds.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define TREE	      "/mnt/zcdma"
#define SHARE_OPTIONS "trans=virtio,version=9p2000.L,msize=512000,cache=loose"

/* What the kernel says when it found a fault in itself, or in the module under test. */
static const char *const faults[] = {
	"BUG",
	"WARNING:",
	"Oops",
	"Call Trace",
	"general protection fault",
	"Bad page",
	"Bad rss-counter",
	"DMA-API",
	"UBSAN:",
	"ODEBUG:",
	"possible circular locking",
	"possible recursive locking",
	"inconsistent lock state",
	"suspicious RCU usage",
	"INFO: lockdep",
	"INFO: rcu",
	"INFO: task",
	"INFO: trying to register",
	"refcount_t:",
	"list_add corruption",
	"list_del corruption",
	"page allocation failure",
	"kmemleak:",
	"Objects remaining in",
};

static FILE *result;
static int kernel_log;

static void power_off(void)
{
	fflush(NULL);
	if (result)
		tcdrain(fileno(result));
	sync();
	reboot(RB_POWER_OFF);
}

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *format, ...)
{
	FILE *to = result ? result : stderr;
	int error = errno;
	va_list args;

	va_start(args, format);
	fputs("not ok - the VM: ", to);
	vfprintf(to, format, args);
	fprintf(to, ": %s\n", strerror(error));
	va_end(args);
	power_off();
	_exit(1);
}

static void mount_at(const char *what, const char *where, const char *type, unsigned long flags,
		     const char *options)
{
	mkdir(where, 0755);
	if (mount(what, where, type, flags, options))
		die("mount %s at %s", what, where);
}

/* The modules are named in the order in which they depend on each other. */
static void load_modules(const char *folder)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, NULL, alphasort);

	if (n < 0)
		die("%s", folder);
	for (int i = 0; i < n; i++) {
		char path[PATH_MAX];
		int fd;

		if (entries[i]->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST))
			die("load %s", path);
		close(fd);
	}
}

static void open_port(const char *path)
{
	struct termios tty;
	int fd = -1;

	/* The host's side is announced by an interrupt, some time after the driver was loaded. */
	for (int i = 0; i < 1000 && (fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC)) < 0; i++)
		usleep(10000);
	if (fd < 0 || !(result = fdopen(fd, "w")))
		die("the port of the result");
	if (!tcgetattr(fd, &tty)) {
		cfmakeraw(&tty);
		tcsetattr(fd, TCSANOW, &tty);
	}
	setvbuf(result, NULL, _IOLBF, 0);
}

/*
 * As switch_root does: with a mere chroot, the kernel would refuse to make user namespaces, which
 * tests make.
 */
static void switch_root(void)
{
	mount_at("root", "/root", "9p", MS_RDONLY, SHARE_OPTIONS);
	if (chdir("/root") || mount("/dev", "dev", NULL, MS_MOVE, NULL) ||
	    mount("/proc", "proc", NULL, MS_MOVE, NULL) ||
	    mount("/sys", "sys", NULL, MS_MOVE, NULL) || mount(".", "/", NULL, MS_MOVE, NULL) ||
	    chroot(".") || chdir("/"))
		die("switch to the host's root");
	mount_at("tmpfs", "/mnt", "tmpfs", 0, "mode=755");
	mount_at("tree", TREE, "9p", MS_RDONLY, SHARE_OPTIONS);
}

static void fill_root(void)
{
	mount_at("tmpfs", "/tmp", "tmpfs", 0, "mode=1777");
	mount_at("tmpfs", "/run", "tmpfs", 0, "mode=755");
	mount_at("tmpfs", "/var/tmp", "tmpfs", 0, "mode=1777");
	mount_at("devpts", "/dev/pts", "devpts", 0, NULL);
	mount_at("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777");
	mount_at("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	if (symlink("/proc/self/fd", "/dev/fd") || chdir(TREE))
		die(TREE);
}

static void copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out;
	struct stat st;
	ssize_t len;

	if (in < 0 || fstat(in, &st))
		die("hold %s", from);
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, st.st_mode & 0777);
	while ((len = sendfile(out, in, NULL, 1 << 20)) > 0)
		;
	if (len < 0)
		die("copy %s to %s", from, to);
	close(out);
	close(in);
}

/*
 * Hold in memory the files of a list, which programs are started from over and over: each that is opened on the host
 * takes turns of both machines, and a program has twenty libraries. Paths in the tree are relative.
 */
static void hold_files(const char *list)
{
	FILE *f = fopen(list, "re");
	char *path = NULL, copy[32];
	size_t size = 0;
	ssize_t len;

	if (!f || mkdir("/run/held", 0755))
		die("%s", list);
	for (unsigned n = 0; (len = getline(&path, &size, f)) > 0; n++) {
		path[len - 1] = '\0';
		snprintf(copy, sizeof(copy), "/run/held/%u", n);
		copy_file(path, copy);
		if (mount(copy, path, NULL, MS_BIND, NULL))
			die("hold %s", path);
	}
	free(path);
	fclose(f);
}

/* The next line of the kernel's log, without its prefix; NULL at the end. */
static char *next_message(void)
{
	static char record[8192];
	ssize_t len;
	char *text;

	/* EPIPE: messages were overwritten before they were read; the next read goes on after them. */
	do
		len = read(kernel_log, record, sizeof(record) - 1);
	while (len < 0 && errno == EPIPE);
	if (len <= 0)
		return NULL;
	record[len] = '\0';
	text = strchr(record, ';');
	text = text ? text + 1 : record;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

/* What kmemleak says where it had no memory of its own. It finds no less for that. */
static const char no_fault[] = "kmemleak: Cannot allocate a scan area";

static bool is_fault(const char *text)
{
	if (strstr(text, no_fault))
		return false;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		if (strstr(text, faults[i]))
			return true;
	}
	return false;
}

/*
 * A test that provokes faults frames them with two lines in the log, and judges them itself: see expect_faults() in
 * inside.bash. Name the first.
 */
static bool is_expected(const char *text)
{
	static bool expected, named;

	if (strstr(text, "zcdma-vm: faults are expected from here on")) {
		expected = true;
		named = false;
	} else if (strstr(text, "zcdma-vm: faults are expected no more")) {
		expected = false;
	} else if (expected && !named && is_fault(text)) {
		named = true;
		fprintf(result, "# kernel log, as expected: %s\n", text);
	}
	return expected;
}

/* Read the log up to its end, and write what it has since a first fault; false without one. */
static bool log_has_fault(void)
{
	bool found = false;
	char *text;

	while ((text = next_message())) {
		if (is_expected(text))
			continue;
		found = found || is_fault(text);
		if (found)
			fprintf(result, "# kernel log: %s\n", text);
	}
	return found;
}

/* A fault of which nothing is read would be a pass of every test: see that one is found. */
static void open_log(void)
{
	static const char fault[] = "zcdma-vm: not a BUG, a look whether it would be seen\n";
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	kernel_log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || kernel_log < 0)
		die("/dev/kmsg");
	lseek(kernel_log, 0, SEEK_END);
	if (log_has_fault() || write(fd, fault, sizeof(fault) - 1) < 0 || !log_has_fault())
		die("faults in the kernel log go unseen");
	close(fd);
	fputs("ok - a fault in the kernel log would be seen\n", result);
}

static void take_line(const char *line)
{
	bool ok = strncmp(line, "ok ", 3) == 0;

	if (ok && log_has_fault())
		fprintf(result, "not %s # the kernel log has a fault\n", line);
	else
		fprintf(result, "%s\n", line);
	if (strncmp(line, "not ok ", 7) == 0)
		log_has_fault();
}

/* Take the lines that have come in; what is left of an unfinished one stays. */
static void take_lines(int fd)
{
	static char buf[16384];
	static size_t have;
	ssize_t len;

	while ((len = read(fd, buf + have, sizeof(buf) - 1 - have)) > 0) {
		char *line = buf, *end;

		have += len;
		buf[have] = '\0';
		if (have == sizeof(buf) - 1 && !strchr(buf, '\n'))
			buf[have - 1] = '\n';
		for (; (end = strchr(line, '\n')); line = end + 1) {
			*end = '\0';
			take_line(line);
		}
		have -= line - buf;
		memmove(buf, line, have);
	}
}

static void set_clock(const char *seconds)
{
	const struct timespec now = { .tv_sec = atol(seconds) };

	if (clock_settime(CLOCK_REALTIME, &now))
		die("set the clock");
}

static int run(const char *script)
{
	int out[2], status = -1;
	pid_t child, pid;

	if (pipe2(out, O_CLOEXEC))
		die("pipe");
	child = fork();
	if (child < 0)
		die("fork");
	if (!child) {
		dup2(out[1], STDOUT_FILENO);
		execl("/bin/bash", "bash", script, (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	fcntl(out[0], F_SETFL, O_NONBLOCK);

	/* Stop when the script ends, even if a process that it started still holds the pipe. */
	do {
		struct pollfd pfd = { .fd = out[0], .events = POLLIN };

		if (poll(&pfd, 1, 50) && !(pfd.revents & POLLIN))
			usleep(50000);
		take_lines(out[0]);
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0 && pid != child)
			;
	} while (pid != child);
	take_lines(out[0]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(void)
{
	const char *script = getenv("VM_RUN"), *port = getenv("VM_RESULT"),
		   *held = getenv("VM_HELD"), *seconds = getenv("VM_CLOCK");
	int status = 0;

	mount_at("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mount_at("proc", "/proc", "proc", 0, NULL);
	mount_at("sysfs", "/sys", "sysfs", 0, NULL);
	if (!port)
		load_modules("/modules");
	open_port(port ? port : "/dev/vport0p1");
	if (seconds)
		set_clock(seconds);
	if (script) {
		if (!port)
			switch_root();
		fill_root();
		if (held)
			hold_files(held);
		open_log();
		/* Each folder that lacks a program is asked of the host, in every shell: what has most is first. */
		setenv("PATH", "/usr/bin:/usr/sbin:/bin:/sbin:/usr/local/bin:/usr/local/sbin", 1);
		setenv("HOME", "/tmp", 1);
		setenv("TERM", "dumb", 1);
		status = run(script);
		if (log_has_fault())
			fputs("not ok - the kernel log after the last test\n", result);
	}
	fprintf(result, "# end %d\n", status);
	power_off();
}
