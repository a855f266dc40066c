#include "xmmintrin.h"
