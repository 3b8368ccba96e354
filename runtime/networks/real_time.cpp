// SPDX-License-Identifier: MIT
#include "networks/networks.h"
