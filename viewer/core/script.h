// SPDX-License-Identifier: MIT
// What --script runs, as data. One action a line; empty lines and lines that begin with # are left out:
//
//   open PATH            a file, folder, camera or pattern
//   key NAME             core/keys.h
//   click WIDGET         by its label, the rest of the line
//   click X Y            px of the window, from its upper left corner
//   drag X0 Y0 X1 Y1     the left button
//   wheel N              notches, up is positive
//   wait FRAMES          processed frames
//   screenshot FILE      PNG
//   expect STATUS_TEXT   the status line contains it
//   quit
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/keys.h"

namespace unblur {

struct ScriptAction {
  struct Open {
    std::string path;
  };
  struct Press {
    Key key;
  };
  struct ClickWidget {
    std::string label;
  };
  struct ClickAt {
    double x, y;
  };
  struct Drag {
    double x0, y0, x1, y1;
  };
  struct Wheel {
    double notches;
  };
  struct Wait {
    int frames;
  };
  struct Screenshot {
    std::string file;
  };
  struct Expect {
    std::string text;
  };
  struct Quit {};
  using What = std::variant<Open, Press, ClickWidget, ClickAt, Drag, Wheel, Wait, Screenshot, Expect, Quit>;

  int line = 0;      ///< from 1
  std::string text;  ///< the line, for messages
  What what;
};

/// Throws UsageError "NAME:LINE: ...".
[[nodiscard]] std::vector<ScriptAction> parse_script(std::string_view text, const std::string& name);
/// The same of a file. Throws InputError where it cannot be read.
[[nodiscard]] std::vector<ScriptAction> read_script(const std::filesystem::path& file);

}  // namespace unblur
