// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What libnats can do with a stream, for comparison with ringbuf-bridge: publish messages, or fetch
 * them, and nothing else.
 *
 * usage: nats_plain publish SERVER STREAM MESSAGES BYTES WINDOW
 *        nats_plain fetch SERVER STREAM MESSAGES BYTES WINDOW
 *
 * publish makes the stream with the settings that ringbuf-bridge gives it, and has at most WINDOW
 * messages on their way.  fetch asks for WINDOW messages at a time.  The subject is ringbuf.STREAM.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nats/nats.h>

#define SECOND	INT64_C(1000000000)
#define WAIT_MS 10000

struct plain {
	jsCtx *js;
	const char *stream;
	char subject[256];
	long messages;
	long bytes;
	long window;
};

static natsStatus publish(const struct plain *p)
{
	const char *subjects[] = { p->subject };
	char *data = calloc(1, (size_t)p->bytes);
	jsPubOptions o;
	jsStreamConfig c;
	natsStatus s = data ? jsStreamConfig_Init(&c) : NATS_NO_MEMORY;

	c.Name = p->stream;
	c.Subjects = subjects;
	c.SubjectsLen = 1;
	c.Discard = js_DiscardNew;
	c.Duplicates = 120 * SECOND;
	if (s == NATS_OK)
		s = js_AddStream(NULL, p->js, &c, NULL, NULL);
	for (long i = 0; s == NATS_OK && i < p->messages; i++)
		s = js_PublishAsync(p->js, p->subject, data, (int)p->bytes, NULL);
	jsPubOptions_Init(&o);
	o.MaxWait = WAIT_MS;
	if (s == NATS_OK)
		s = js_PublishAsyncComplete(p->js, &o);
	free(data);
	return s;
}

static natsStatus fetch_all(const struct plain *p, natsSubscription *sub)
{
	natsMsgList list = { 0 };
	natsStatus s = NATS_OK;
	jsFetchRequest request;

	for (long got = 0; s == NATS_OK && got < p->messages;) {
		jsFetchRequest_Init(&request);
		request.Batch =
			(int)(p->messages - got < p->window ? p->messages - got : p->window);
		request.Expires = WAIT_MS / 1000 * SECOND;
		s = natsSubscription_FetchRequest(&list, sub, &request);
		for (int i = 0; s == NATS_OK && i < list.Count; i++)
			if (natsMsg_GetDataLength(list.Msgs[i]) != p->bytes)
				s = NATS_ERR;
		got += list.Count;
		natsMsgList_Destroy(&list);
	}
	return s;
}

static natsStatus fetch(const struct plain *p)
{
	natsSubscription *sub = NULL;
	jsSubOptions o;
	natsStatus s = jsSubOptions_Init(&o);

	o.Stream = p->stream;
	o.Config.AckPolicy = js_AckNone;
	o.Config.MemoryStorage = true;
	if (s == NATS_OK)
		s = js_PullSubscribe(&sub, p->js, p->subject, NULL, NULL, &o, NULL);
	if (s == NATS_OK)
		s = fetch_all(p, sub);
	natsSubscription_Destroy(sub);
	return s;
}

static natsStatus run(struct plain *p, const char *server,
		      natsStatus (*half)(const struct plain *p))
{
	natsConnection *nc = NULL;
	jsOptions o;
	natsStatus s = natsConnection_ConnectTo(&nc, server);

	if (s == NATS_OK)
		s = jsOptions_Init(&o);
	if (s != NATS_OK)
		return s;
	o.PublishAsync.MaxPending = p->window;
	o.PublishAsync.StallWait = WAIT_MS;
	s = natsConnection_JetStream(&p->js, nc, &o);
	if (s == NATS_OK)
		s = half(p);
	jsCtx_Destroy(p->js);
	natsConnection_Destroy(nc);
	return s;
}

static long number(const char *text)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*end || end == text || value < 1 || value > INT32_MAX) {
		fprintf(stderr, "nats_plain: %s: not a whole number from 1 to %d\n", text,
			INT32_MAX);
		exit(2);
	}
	return value;
}

int main(int argc, char **argv)
{
	struct plain p = { 0 };
	bool publishes;
	natsStatus s;

	publishes = argc == 7 && !strcmp(argv[1], "publish");
	if (argc != 7 || (!publishes && strcmp(argv[1], "fetch"))) {
		fprintf(stderr,
			"usage: nats_plain publish|fetch SERVER STREAM MESSAGES BYTES WINDOW\n");
		return 2;
	}
	p.stream = argv[3];
	p.messages = number(argv[4]);
	p.bytes = number(argv[5]);
	p.window = number(argv[6]);
	snprintf(p.subject, sizeof(p.subject), "ringbuf.%s", p.stream);
	s = run(&p, argv[2], publishes ? publish : fetch);
	if (s != NATS_OK)
		fprintf(stderr, "nats_plain: %s\n", nats_GetLastError(NULL));
	return s != NATS_OK;
}
