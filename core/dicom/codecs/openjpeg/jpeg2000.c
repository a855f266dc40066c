/*
 * OpenJPEG for core/dicom/codecs/openJpeg.ts: one codestream in memory to the samples of its components, whole or only some
 * rows of it, in full or at a lower resolution. Code-blocks outside of the rows are not decoded, so that several threads can
 * share a film.
 * No JP2 boxes: DICOM's header says what the samples mean (PS3.5 8.2.4).
 */
#include <stdlib.h>
#include <string.h>
#include "openjpeg.h"

#define EXPORT(name) __attribute__((export_name(name)))
#define MESSAGE_BYTES 256

typedef struct {
  const OPJ_BYTE *data;
  OPJ_SIZE_T length, at;
} Input;

static char error_message[MESSAGE_BYTES], warning_message[MESSAGE_BYTES];
static opj_image_t *image;

/* OpenJPEG's own is for its command line; WASI has no process times. */
double opj_clock(void) { return 0; }

static OPJ_SIZE_T input_read(void *to, OPJ_SIZE_T count, void *user) {
  Input *input = user;
  OPJ_SIZE_T left = input->length - input->at;
  if (left == 0) return (OPJ_SIZE_T)-1;
  if (count > left) count = left;
  memcpy(to, input->data + input->at, count);
  input->at += count;
  return count;
}

static OPJ_OFF_T input_skip(OPJ_OFF_T count, void *user) {
  Input *input = user;
  OPJ_OFF_T left = (OPJ_OFF_T)(input->length - input->at);
  if (count < 0) return -1;
  if (count > left) count = left;
  input->at += (OPJ_SIZE_T)count;
  return count;
}

static OPJ_BOOL input_seek(OPJ_OFF_T to, void *user) {
  Input *input = user;
  if (to < 0 || to > (OPJ_OFF_T)input->length) return OPJ_FALSE;
  input->at = (OPJ_SIZE_T)to;
  return OPJ_TRUE;
}

/* The first message is the one that tells why. */
static void keep(const char *text, void *user) {
  char *place = user;
  if (place[0] == 0) strncpy(place, text, MESSAGE_BYTES - 1);
}

static void ignore(const char *text, void *user) {
  (void)text;
  (void)user;
}

EXPORT("allocate") void *allocate(size_t bytes) { return malloc(bytes); }
EXPORT("release") void release(void *place) { free(place); }
EXPORT("error") const char *error(void) { return error_message; }
EXPORT("warning") const char *warning(void) { return warning_message; }

EXPORT("forget") void forget(void) {
  if (image) opj_image_destroy(image);
  image = NULL;
}

/*
 * Rows from `top` to before `bottom` of the whole image; 0 and 0: all of them. `reduce`: halved so many times, by leaving out the
 * highest resolutions. 1: decoded, 0: see error().
 */
EXPORT("decode") int decode(const OPJ_BYTE *data, OPJ_SIZE_T length, int top, int bottom, int reduce) {
  Input input = {data, length, 0};
  opj_dparameters_t parameters;
  memset(error_message, 0, MESSAGE_BYTES);
  memset(warning_message, 0, MESSAGE_BYTES);
  forget();
  opj_stream_t *stream = opj_stream_create(1 << 16, OPJ_TRUE);
  opj_codec_t *codec = opj_create_decompress(OPJ_CODEC_J2K);
  if (!stream || !codec) return 0;
  opj_stream_set_user_data(stream, &input, NULL);
  opj_stream_set_user_data_length(stream, length);
  opj_stream_set_read_function(stream, input_read);
  opj_stream_set_skip_function(stream, input_skip);
  opj_stream_set_seek_function(stream, input_seek);
  opj_set_error_handler(codec, keep, error_message);
  opj_set_warning_handler(codec, keep, warning_message);
  opj_set_info_handler(codec, ignore, NULL);
  opj_set_default_decoder_parameters(&parameters);
  parameters.cp_reduce = (OPJ_UINT32)reduce;
  int done = opj_setup_decoder(codec, &parameters) && opj_read_header(stream, codec, &image);
  if (done && bottom > top) {
    done = opj_set_decode_area(codec, image, image->x0, image->y0 + top, image->x1, image->y0 + bottom);
  }
  done = done && opj_decode(codec, stream, image) && opj_end_decompress(codec, stream);
  opj_destroy_codec(codec);
  opj_stream_destroy(stream);
  return done;
}

EXPORT("components") int components(void) { return image ? (int)image->numcomps : 0; }
EXPORT("component_data") const OPJ_INT32 *component_data(int index) { return image->comps[index].data; }
EXPORT("component_width") int component_width(int index) { return (int)image->comps[index].w; }
EXPORT("component_height") int component_height(int index) { return (int)image->comps[index].h; }
EXPORT("component_precision") int component_precision(int index) { return (int)image->comps[index].prec; }
EXPORT("component_signed") int component_signed(int index) { return (int)image->comps[index].sgnd; }
