// SPDX-License-Identifier: MIT
// Messages for people: one line each on standard error, above a progress bar if there is one.
#pragma once

#include <string>

namespace unblur {

/// Programs call this first, since standard output is for results. Negative (-q): warnings only; positive
/// (-v): details.
void set_up_log(int verbosity);

/// Writes a line to standard error without disturbing the status line.
void print_line(const std::string& line);
/// Replaces the status line at the bottom of the terminal; empty removes it.
void set_status_line(const std::string& line);

}  // namespace unblur
