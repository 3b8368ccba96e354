// SPDX-License-Identifier: MIT
#include "program/vulkan_services.h"

int main(int argc, char** argv) { return unblur::run_program(argc, argv, unblur::vulkan_services()); }
