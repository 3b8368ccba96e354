// SPDX-License-Identifier: MIT
// What xdotool cannot do to a window, by the X protocol itself:
//   x11_hand drop WINDOW FILE...     drops files onto it, as a file manager does (XDND version 5)
//   x11_hand latency WINDOW N        presses `t` (dark, light) N times; ms from each press until the pixel in
//                                    the window's lower left corner changes, a line each
#include <X11/Xatom.h>
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <X11/keysym.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

Atom atom(Display* display, const char* name) { return XInternAtom(display, name, False); }

void tell(Display* display, Window to, const char* what, Window from, const std::vector<long>& rest) {
  XEvent event{};
  event.xclient.type = ClientMessage;
  event.xclient.display = display;
  event.xclient.window = to;
  event.xclient.message_type = atom(display, what);
  event.xclient.format = 32;
  event.xclient.data.l[0] = static_cast<long>(from);
  std::copy(rest.begin(), rest.end(), event.xclient.data.l + 1);
  XSendEvent(display, to, False, NoEventMask, &event);
  XFlush(display);
}

/// Answers the window's request for the list of files.
void hand_over(Display* display, const XSelectionRequestEvent& request, const std::string& list) {
  XChangeProperty(display, request.requestor, request.property, request.target, 8, PropModeReplace,
                  reinterpret_cast<const unsigned char*>(list.data()), static_cast<int>(list.size()));
  XEvent event{};
  event.xselection.type = SelectionNotify;
  event.xselection.display = display;
  event.xselection.requestor = request.requestor;
  event.xselection.selection = request.selection;
  event.xselection.target = request.target;
  event.xselection.property = request.property;
  event.xselection.time = request.time;
  XSendEvent(display, request.requestor, False, NoEventMask, &event);
  XFlush(display);
}

int drop(Display* display, Window window, const std::string& list) {
  const Window own = XCreateSimpleWindow(display, DefaultRootWindow(display), 0, 0, 1, 1, 0, 0, 0);
  XSetSelectionOwner(display, atom(display, "XdndSelection"), own, CurrentTime);
  constexpr long kVersion = 5L << 24;
  const long copy = static_cast<long>(atom(display, "XdndActionCopy"));
  tell(display, window, "XdndEnter", own,
       {kVersion, static_cast<long>(atom(display, "text/uri-list")), 0, 0});
  tell(display, window, "XdndPosition", own, {0, (100L << 16) | 100L, CurrentTime, copy});
  bool dropped = false;
  for (const auto end = Clock::now() + milliseconds(5000); Clock::now() < end;) {
    if (XPending(display) == 0) {
      std::this_thread::sleep_for(milliseconds(5));
      continue;
    }
    XEvent event;
    XNextEvent(display, &event);
    if (event.type == SelectionRequest) hand_over(display, event.xselectionrequest, list);
    if (event.type != ClientMessage) continue;
    if (event.xclient.message_type == atom(display, "XdndStatus") && !dropped) {
      if ((event.xclient.data.l[1] & 1) == 0) return 1;  // it takes no files
      tell(display, window, "XdndDrop", own, {0, CurrentTime, 0, 0});
      dropped = true;
    }
    if (event.xclient.message_type == atom(display, "XdndFinished")) return 0;
  }
  return 1;
}

unsigned long corner(Display* display, Window window, int height) {
  XImage* image = XGetImage(display, window, 2, height - 3, 1, 1, AllPlanes, ZPixmap);
  const unsigned long value = XGetPixel(image, 0, 0);
  XDestroyImage(image);
  return value;
}

void press(Display* display, Window window, bool down) {
  XEvent event{};
  event.xkey.type = down ? KeyPress : KeyRelease;
  event.xkey.display = display;
  event.xkey.window = window;
  event.xkey.root = DefaultRootWindow(display);
  event.xkey.same_screen = True;
  event.xkey.keycode = XKeysymToKeycode(display, XK_t);
  XSendEvent(display, window, True, down ? KeyPressMask : KeyReleaseMask, &event);
  XFlush(display);
}

int latency(Display* display, Window window, int count) {
  XWindowAttributes attributes;
  XGetWindowAttributes(display, window, &attributes);
  std::srand(1);
  for (int i = 0; i < count; ++i) {
    // At any moment of whatever is being computed.
    std::this_thread::sleep_for(milliseconds(600 + std::rand() % 700));
    const unsigned long before = corner(display, window, attributes.height);
    const auto start = Clock::now();
    press(display, window, true);
    double ms = 0;
    do {
      std::this_thread::sleep_for(milliseconds(2));
      ms = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    } while (corner(display, window, attributes.height) == before && ms < 10000);
    press(display, window, false);
    std::printf("%.0f\n", ms);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 3 ? argv[1] : "";
  Display* display = XOpenDisplay(nullptr);
  if (display == nullptr || verb.empty()) {
    std::fprintf(stderr, "usage: x11_hand drop WINDOW FILE... | latency WINDOW N, with a DISPLAY\n");
    return 2;
  }
  const Window window = std::strtoul(argv[2], nullptr, 0);
  int code = 2;
  if (verb == "drop") {
    std::string list;
    for (int i = 3; i < argc; ++i) list += std::string("file://") + argv[i] + "\r\n";
    code = drop(display, window, list);
  } else if (verb == "latency") {
    code = latency(display, window, std::atoi(argv[3]));
  }
  XCloseDisplay(display);
  return code;
}
