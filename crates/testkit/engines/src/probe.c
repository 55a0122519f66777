// An application to deploy: it serves, says how it is, and fails in the ways that applications fail in.
//
//   serve      answers at PORT (8080) with VERSION. After DELAY seconds, if set; BAD: it says that it is not well;
//              HANG: it takes connections and never answers; CRASH: it ends with 3 after so many milliseconds;
//              CRASH_AFTER, HANG_AFTER: after so many seconds of serving well; FLOOD: it writes so many MiB first, without a line end
//   health     asks it, and ends with 0 if it is well
//   fork       leaves the serving to a child and ends with 0
//   sleep      does nothing, for ever
//   exit N     ends with N, after SLEEP milliseconds
//   env        writes its environment
//   cat FILE   writes a file
//   say TEXT   writes a text to stderr and serves
//
//   Each of them ignores SIGTERM if STUBBORN is set.
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

extern char **environ;

static void done(int signal) { (void)signal; _exit(0); }

static volatile sig_atomic_t hangs = 0;

static void hang(int signal) { (void)signal; hangs = 1; }

static void crash(int signal) { (void)signal; _exit(3); }

static int number(const char *name, int otherwise) {
    const char *text = getenv(name);
    return text && *text ? atoi(text) : otherwise;
}

static int is_set(const char *name) {
    const char *text = getenv(name);
    return text && *text && strcmp(text, "0");
}

static struct sockaddr_in address(in_addr_t host) {
    struct sockaddr_in address = {0};
    address.sin_family = AF_INET;
    address.sin_port = htons(number("PORT", 8080));
    address.sin_addr.s_addr = htonl(host);
    return address;
}

static int serve(void) {
    if (is_set("CRASH")) {
        usleep(number("CRASH", 1) * 1000);
        fprintf(stderr, "something went wrong, secret is %s\n", getenv("SECRET") ? getenv("SECRET") : "none");
        return 3;
    }
    sleep(number("DELAY", 0));
    int server = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    struct sockaddr_in here = address(INADDR_ANY);
    if (bind(server, (struct sockaddr *)&here, sizeof here) || listen(server, 16)) {
        perror("listen");
        return 4;
    }
    for (int piece = number("FLOOD", 0) * 1024; piece > 0; piece--) {
        char text[1024];
        memset(text, 'x', sizeof text);
        fwrite(text, 1, sizeof text, stdout);
    }
    if (is_set("CRASH_AFTER")) {
        signal(SIGALRM, crash);
        alarm(number("CRASH_AFTER", 1));
    }
    if (is_set("HANG_AFTER")) {
        signal(SIGALRM, hang);
        alarm(number("HANG_AFTER", 1));
    }
    printf("serving %s\n", getenv("VERSION") ? getenv("VERSION") : "?");
    fflush(stdout);
    for (;;) {
        int client = accept(server, 0, 0);
        if (client < 0 || hangs || is_set("HANG")) continue;
        char answer[512];
        const char *text = is_set("BAD") ? "bad" : getenv("VERSION") ? getenv("VERSION") : "?";
        int length = snprintf(answer, sizeof answer, "HTTP/1.0 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(text), text);
        char asked[512];
        if (read(client, asked, sizeof asked) > 0 && write(client, answer, length) < 0) perror("write");
        close(client);
    }
}

static int health(void) {
    int client = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in there = address(INADDR_LOOPBACK);
    if (connect(client, (struct sockaddr *)&there, sizeof there)) return 1;
    char answer[512] = {0};
    if (write(client, "GET / HTTP/1.0\r\n\r\n", 18) < 0) return 1;
    if (read(client, answer, sizeof answer - 1) <= 0) return 1;
    return strstr(answer, "\r\n\r\nbad") ? 1 : 0;
}

int main(int count, char **words) {
    signal(SIGTERM, is_set("STUBBORN") ? SIG_IGN : done);
    signal(SIGINT, done);
    const char *mode = count > 1 ? words[1] : "serve";
    if (!strcmp(mode, "serve")) return serve();
    if (!strcmp(mode, "health")) return health();
    if (!strcmp(mode, "fork")) return fork() ? 0 : serve();
    if (!strcmp(mode, "sleep")) {
        for (;;) pause();
    }
    if (!strcmp(mode, "exit")) {
        usleep(number("SLEEP", 0) * 1000);
        return count > 2 ? atoi(words[2]) : 0;
    }
    if (!strcmp(mode, "env")) {
        for (char **entry = environ; *entry; entry++) puts(*entry);
        return 0;
    }
    if (!strcmp(mode, "cat") && count > 2) {
        FILE *file = fopen(words[2], "r");
        if (!file) return 1;
        for (int c; (c = fgetc(file)) != EOF;) putchar(c);
        return 0;
    }
    if (!strcmp(mode, "say") && count > 2) {
        fprintf(stderr, "%s\n", words[2]);
        return serve();
    }
    return 2;
}
