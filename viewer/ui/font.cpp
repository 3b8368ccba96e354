// SPDX-License-Identifier: MIT
#include "ui/font.h"

// The assembler reads the file: no generated source of several megabytes.
// NOLINTNEXTLINE(hicpp-no-assembler)
asm(".pushsection .rodata\n"
    ".global unblur_font_begin, unblur_font_end\n"
    ".hidden unblur_font_begin, unblur_font_end\n"
    ".balign 16\n"
    "unblur_font_begin: .incbin \"" UNBLUR_FONT_FILE
    "\"\n"
    "unblur_font_end: .byte 0\n"
    ".popsection\n");
extern "C" const std::byte unblur_font_begin[], unblur_font_end[];

namespace unblur {

std::span<const std::byte> dejavu_sans() { return {unblur_font_begin, unblur_font_end}; }

}  // namespace unblur
