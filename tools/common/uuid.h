/* SPDX-License-Identifier: GPL-2.0 */
/* The UUID of a ring as text. */
#ifndef COMMON_UUID_H
#define COMMON_UUID_H

#include <stdint.h>

#include <ringbuf.h>

#define UUID_TEXT_BYTES 37

/**
 * uuid_text() - write a UUID in its usual form, as in "123e4567-e89b-42d3-a456-426614174000"
 * @text: [out] the text, with a NUL
 * @uuid: as in struct ringbuf_geometry
 *
 * Return: @text.
 */
const char *uuid_text(char text[UUID_TEXT_BYTES], const uint8_t uuid[RINGBUF_UUID_BYTES]);

#endif /* COMMON_UUID_H */
