// Asks a NATS server (JetStream) or a Redis server for what the service does with messages, and prints as wrk does.
//
//   queues nats|redis PORT CONNECTIONS SECONDS accept|round
//
// Each connection has one request under way and waits for its answer, as a sender over HTTP does. `accept` stores a
// message durably; `round` stores it, has it handed over and acknowledges it. Redis has one fsync for all that it read
// at once, whatever it was; JetStream has one for each message that it stores, and answers an acknowledgement without.
//
// The protocols are spoken as they are, in one thread, so that the two cores are left to the servers: with JetStream
// this takes 6 % of a core, with Redis half a one at 55,000 messages/s, the same rate as redis-benchmark's. NATS's own
// library, with a thread for each connection, took six times as much and reached 5 % fewer; and 64 streams of JetStream
// in place of one store a quarter more at most.

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 65536, CONTENT = 100 };

typedef struct {
    int socket, number, step;
    size_t held;
    double asked;
    char name[256];  // what the last answer calls the message
    char buffer[BUFFER];
} Connection;

static int nats, steps;
static char content[CONTENT + 1];

static void fail(const char *what) {
    fprintf(stderr, "queues: %s\n", what);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void say(Connection *to, const char *format, ...) {
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (write(to->socket, text, length) != length) fail("cannot write");
}

static void publish(Connection *to, const char *subject, const char *body) {
    say(to, "PUB %s _INBOX.%d %zu\r\n%s\r\n", subject, to->number, strlen(body), body);
}

static void ask(Connection *to) {
    char subject[300];
    to->asked = now();
    if (nats && to->step == 0) {
        snprintf(subject, sizeof subject, "load.%d", to->number);
        publish(to, subject, content);
    } else if (nats && to->step == 1) {
        snprintf(subject, sizeof subject, "$JS.API.CONSUMER.MSG.NEXT.LOAD.c%d", to->number);
        publish(to, subject, "");
    } else if (nats) {
        publish(to, to->name, "+ACK");
    } else if (to->step == 0) {
        say(to, "XADD load.%02d * m %s\r\n", to->number, content);
    } else if (to->step == 1) {
        say(to, "XREADGROUP GROUP g c COUNT 1 STREAMS load.%02d >\r\n", to->number);
    } else {
        say(to, "XACK load.%02d g %s\r\n", to->number, to->name);
    }
}

// What follows the answer of Redis that begins here; NULL while it is not all there.
static char *end_of_reply(char *from) {
    char *line = strstr(from, "\r\n");
    if (!line) return NULL;
    long count = atol(from + 1);
    line += 2;
    if (*from == '$' && count >= 0) return strlen(line) < (size_t)count + 2 ? NULL : line + count + 2;
    if (*from == '*')
        while (count-- > 0)
            if (!(line = end_of_reply(line))) return NULL;
    return line;
}

// Takes an answer out of what came: 1 if it is the one that was asked for, -1 if that is an error, 0 if none is there.
static int answer(Connection *from) {
    for (char *at = from->buffer, *line; *at; at = line) {
        int size = 0, count, result = 0;
        if (!(line = strstr(at, "\r\n"))) return 0;
        line += 2;
        if (!nats) {
            if (!(line = end_of_reply(at))) return 0;
            result = *at == '-' || (from->step == 2 && strncmp(at, ":1", 2)) ? -1 : 1;
            // The name is the last answer's whole text.
            if (from->step == 0) sscanf(at, "$%*d %255s", from->name);
        } else if (!strncmp(at, "MSG ", 4)) {
            count = sscanf(at, "MSG %*s %*s %255s %d", from->name, &size);
            if (count == 1) size = atoi(from->name);
            if (strlen(line) < (size_t)size + 2) return 0;
            // What is stored is told by its number; an acknowledgement is answered with nothing.
            result = from->step == 0 && (strstr(line, "\"error\"") || !strstr(line, "\"seq\"")) ? -1 : 1;
            if (from->step == 1 && count != 2) result = -1;
            line += size + 2;
        } else if (!strncmp(at, "PING", 4)) {
            say(from, "PONG\r\n");
        } else if (*at == '-') {
            result = -1;
        }
        from->held -= line - from->buffer;
        memmove(from->buffer, line, from->held + 1);
        line = from->buffer;
        if (result) return result;
    }
    return 0;
}

static void receive(Connection *from) {
    ssize_t count = read(from->socket, from->buffer + from->held, BUFFER - 1 - from->held);
    if (count <= 0) fail("the server closed a connection, or its answer is too long");
    from->held += count;
    from->buffer[from->held] = 0;
}

static void settle(Connection *with, const char *what) {
    int result;
    while (!(result = answer(with))) receive(with);
    if (result < 0) fail(what);
}

static void begin(Connection *new, int number, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int yes = 1;
    new->number = number;
    new->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(new->socket, (struct sockaddr *)&address, sizeof address)) fail("nothing answers at that port");
    setsockopt(new->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    // Any step but the first: no number of a message is looked for in what is answered here.
    new->step = 3;
    if (nats) {
        char subject[100], body[300];
        say(new, "CONNECT {\"verbose\":false}\r\nSUB _INBOX.%d 1\r\n", number);
        if (number == 0) {
            publish(new, "$JS.API.STREAM.CREATE.LOAD",
                    "{\"name\":\"LOAD\",\"subjects\":[\"load.*\"],\"storage\":\"file\"}");
            settle(new, "no stream could be made");
        }
        if (steps == 3) {
            snprintf(subject, sizeof subject, "$JS.API.CONSUMER.DURABLE.CREATE.LOAD.c%d", number);
            snprintf(body, sizeof body,
                     "{\"stream_name\":\"LOAD\",\"config\":{\"durable_name\":\"c%d\",\"ack_policy\":\"explicit\","
                     "\"deliver_policy\":\"new\",\"filter_subject\":\"load.%d\"}}",
                     number, number);
            publish(new, subject, body);
            settle(new, "no consumer could be made");
        }
    } else if (steps == 3) {
        say(new, "XGROUP CREATE load.%02d g $ MKSTREAM\r\n", number);
        settle(new, "no group could be made");
    }
    new->step = 0;
}

static int compare(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

int main(int count, char **arguments) {
    if (count != 6) fail("write nats|redis PORT CONNECTIONS SECONDS accept|round");
    nats = !strcmp(arguments[1], "nats");
    steps = strcmp(arguments[5], "round") ? 1 : 3;
    int connections = atoi(arguments[3]), events = epoll_create1(0);
    double seconds = atof(arguments[4]), start, last;
    memset(content, 'm', CONTENT);

    Connection *all = calloc(connections, sizeof *all);
    for (int number = 0; number < connections; number++) {
        begin(&all[number], number, atoi(arguments[2]));
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[number]};
        epoll_ctl(events, EPOLL_CTL_ADD, all[number].socket, &event);
    }

    size_t answers = 0, room = 1 << 16, rounds = 0, errors = 0;
    float *waits = malloc(room * sizeof *waits);
    start = last = now();
    for (int number = 0; number < connections; number++) ask(&all[number]);
    while (last < start + seconds) {
        struct epoll_event ready[64];
        int found = epoll_wait(events, ready, 64, 1000);
        for (int index = 0; index < found; index++) {
            Connection *connection = ready[index].data.ptr;
            receive(connection);
            int result = answer(connection);
            if (!result) continue;
            if (answers == room) waits = realloc(waits, (room *= 2) * sizeof *waits);
            waits[answers++] = (now() - connection->asked) * 1000;
            // After an error, with the next message.
            connection->step = result < 0 ? steps : connection->step + 1;
            if (connection->step == steps) {
                connection->step = 0;
                if (result < 0) errors++; else rounds++;
            }
            ask(connection);
        }
        last = now();
    }
    if (!answers) fail("no answer");
    qsort(waits, answers, sizeof *waits, compare);
    printf("RESULT %.1f %.2f %.2f %.2f %zu\n", rounds / (last - start), waits[answers / 2], waits[answers * 95 / 100],
           waits[answers * 99 / 100], errors);
}
