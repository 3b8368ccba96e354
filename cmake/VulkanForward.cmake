# SPDX-License-Identifier: MIT
# Writes OUTPUT, C++ that defines every core and KHR function of the header HEADER (vulkan_core.h) and passes the
# call on to the Vulkan loader, which is opened at run time: a program that links it starts on machines without
# libvulkan.so.1 and can say what is missing. Plain functions, no pointers of the same names: those would break
# static libraries that call Vulkan, such as Debian's ImGui backend.
file(READ "${HEADER}" text)
string(REPLACE ";" "" text "${text}")  # the list separator of CMake
string(REGEX MATCHALL "VKAPI_ATTR [A-Za-z0-9_]+ VKAPI_CALL vk[A-Za-z0-9]+\\([^)]*\\)" prototypes "${text}")
set(code "// Written by cmake/VulkanForward.cmake from vulkan_core.h.\n#include \"vulkan/loader.h\"\n\n")
foreach(prototype IN LISTS prototypes)
  string(REGEX REPLACE ".*VKAPI_ATTR ([A-Za-z0-9_]+) VKAPI_CALL (vk[A-Za-z0-9]+)\\(([^)]*)\\)" "\\1" type "${prototype}")
  set(name "${CMAKE_MATCH_2}")
  set(parameters "${CMAKE_MATCH_3}")
  if(name MATCHES "[A-Z][A-Z]$" AND NOT name MATCHES "KHR$")
    continue()
  endif()
  # The last word of every parameter is its name.
  string(REGEX MATCHALL "[A-Za-z0-9_]+(\\[[0-9]+\\])?[ \n]*(,|$)" names "${parameters}")
  list(JOIN names "" arguments)
  string(REGEX REPLACE "\\[[0-9]+\\]|[ \n]" "" arguments "${arguments}")
  if(parameters STREQUAL "void")
    set(arguments "")
  endif()
  string(REGEX REPLACE "[ \n]+" " " parameters "${parameters}")
  string(APPEND code "VKAPI_ATTR ${type} VKAPI_CALL ${name}(${parameters}) {\n"
                     "  static const auto call = unblur::vk::loader_function<PFN_${name}>(\"${name}\");\n"
                     "  return call(${arguments});\n}\n")
endforeach()
file(WRITE "${OUTPUT}" "${code}")
