/* Frames of a WebSocket client. */
#ifndef FRAMES_H
#define FRAMES_H
#include "measure.h"

/* Writes a frame into `frame`, which has room for 14 bytes more than the text; returns its length. Client frames must be masked; a
 * mask of zeros costs nothing. */
static size_t write_frame(char *frame, int opcode, const char *text, size_t length) {
    size_t at = 0;
    frame[at++] = 0x80 | opcode;
    if (length < 126) {
        frame[at++] = 0x80 | length;
    } else {
        frame[at++] = 0x80 | 126;
        frame[at++] = length >> 8;
        frame[at++] = length & 255;
    }
    memset(frame + at, 0, 4);
    memcpy(frame + at + 4, text, length);
    return at + 4 + length;
}

/* Reads the head of a frame: sets where its payload begins and how long that is. Returns 0 if the head or the payload is incomplete. */
static int read_frame(const char *data, size_t length, size_t *head, size_t *size) {
    const unsigned char *byte = (const unsigned char *)data;
    if (length < 2) return 0;
    *head = 2;
    *size = byte[1] & 127;
    if (*size == 126) {
        if (length < (*head = 4)) return 0;
        *size = byte[2] << 8 | byte[3];
    } else if (*size == 127) {
        if (length < (*head = 10)) return 0;
        *size = 0;
        for (int i = 2; i < 10; i++) *size = *size << 8 | byte[i];
    }
    return length >= *head + *size;
}
#endif
