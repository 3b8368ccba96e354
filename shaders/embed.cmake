# SPDX-License-Identifier: MIT
# INPUT (SPIR-V) -> OUTPUT (its words as C++ literals).
file(READ "${INPUT}" bytes HEX)
string(REGEX REPLACE "(..)(..)(..)(..)" "0x\\4\\3\\2\\1," words "${bytes}")
string(REGEX REPLACE "(0x........,0x........,0x........,0x........,0x........,0x........,0x........,0x........,)" "\\1\n" words "${words}")
file(WRITE "${OUTPUT}" "${words}\n")
