# SPDX-License-Identifier: MIT
# Every shader that is compiled, and nothing that is not used and tested. One line makes NAME (buffers by
# device address) and NAME_ssbo (storage-buffer bindings). Storage (fp32, fp16), epilogue, workgroup size
# and whatever a layer fixes are specialization constants, not variants.
#   unblur_shader(NAME SOURCE [DEFINES A=1 ...] [BDA_ONLY] [COOPERATIVE_MATRIX])
# BDA_ONLY leaves out NAME_ssbo; COOPERATIVE_MATRIX needs glslang 13 (left out where the build lacks it).
unblur_shader(elementwise elementwise/elementwise.comp)
unblur_shader(rearrange elementwise/rearrange.comp)
unblur_shader(channels elementwise/channels.comp)
unblur_shader(reduce_space elementwise/reduce_space.comp)
unblur_shader(resize spatial/resize.comp)
unblur_shader(warp spatial/warp.comp)
unblur_shader(shift spatial/shift.comp)
unblur_shader(join spatial/join.comp)
unblur_shader(correlation spatial/correlation.comp)
unblur_shader(pixel_volume spatial/pixel_volume.comp)
unblur_shader(exposure_path trajectory/exposure_path.comp)
unblur_shader(motion_taps trajectory/motion_taps.comp)
unblur_shader(conv_reg convolution/conv_reg.comp)
unblur_shader(conv_direct convolution/conv_direct.comp)
unblur_shader(conv_tile convolution/conv_tile.comp)
unblur_shader(conv_cm convolution/conv_cm.comp BDA_ONLY COOPERATIVE_MATRIX)
unblur_shader(conv_small convolution/conv_small.comp)
unblur_shader(conv_dw convolution/conv_dw.comp)
unblur_shader(colour_in colour/colour_in.comp)
unblur_shader(colour_out colour/colour_out.comp)
unblur_shader(multiply_add bench/multiply_add.comp)
