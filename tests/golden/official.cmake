# SPDX-License-Identifier: MIT
# The published files as PyTorch writes them, in both containers: imported, and golden cases computed with what came
# out. Needs a Python that can import torch: -DPYTHON -DSCRIPT -DCONVERT -DRUNNER -DCASES -DWORK.
execute_process(COMMAND "${PYTHON}" -c "import torch" RESULT_VARIABLE missing ERROR_QUIET)
if(missing)
  message("skipped: ${PYTHON} has no torch")
  return()
endif()
file(REMOVE_RECURSE "${WORK}")
file(MAKE_DIRECTORY "${WORK}")

function(expect code message)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result ERROR_VARIABLE error OUTPUT_VARIABLE output)
  if(NOT "${result}" STREQUAL "${code}" OR NOT "${output}${error}" MATCHES "${message}")
    message(FATAL_ERROR "${ARGN}\nexit ${result}, wanted ${code} and '${message}':\n${output}${error}")
  endif()
endfunction()

expect(0 "" "${PYTHON}" "${SCRIPT}" "${WORK}")
foreach(container IN ITEMS zip stream)
  foreach(file IN ITEMS "BIMNet:bimnet, prefix ''" "PVDNet_DVD:pvdnet, prefix 'module.'" "PVDNet_nah:pvdnet, prefix 'module.'"
                        "PVDNet_large_nah:pvdnet-large, prefix 'module.'")
    string(REGEX MATCH "^([^:]*):(.*)$" all "${file}")
    set(name "${CMAKE_MATCH_1}")
    expect(0 "PyTorch ${container} of ${CMAKE_MATCH_2}" "${CONVERT}" "${WORK}/${container}/${name}.pytorch" -o
           "${WORK}/${name}.safetensors" -y --verify=off)
  endforeach()
  expect(0 "deblur_sequence.*\n1 passed, 0 failed" "${CMAKE_COMMAND}" -E env "UNBLUR_GOLDEN=${CASES}/pvdnet/deblur_sequence_64x96x3.safetensors"
         "UNBLUR_GOLDEN_PVDNET=${WORK}/PVDNet_nah.safetensors" "${RUNNER}" vulkan)
  foreach(file IN ITEMS "offset:motion-etr-quad:offset-net-quad" "deblur:motion-etr-deblur:motion-aware")
    string(REGEX MATCH "^([^:]*):([^:]*):(.*)$" all "${file}")
    set(network "${CMAKE_MATCH_2}")
    set(case "${CMAKE_MATCH_3}")
    expect(0 "PyTorch ${container} of ${network}, prefix ''" "${CONVERT}" "${WORK}/${container}/latest_net_${CMAKE_MATCH_1}.pth"
           -o "${WORK}/${network}.safetensors" -y --verify=off)
    expect(0 "ok.*\n1 passed, 0 failed" "${CMAKE_COMMAND}" -E env
           "UNBLUR_GOLDEN=${CASES}/motion-etr/${case}.safetensors"
           "UNBLUR_GOLDEN_MOTION_ETR=${WORK}/${network}.safetensors" "${RUNNER}" vulkan)
  endforeach()
endforeach()
expect(5 "3 tensors are wrong: PVDNet.d0.bias \\[64\\] is missing; PVDNet.end.bias is \\[4\\], \\[3\\] is needed; 'module.PVDNet.stray' \\[1\\] is unexpected"
       "${CONVERT}" "${WORK}/zip/spoiled.pytorch" -o "${WORK}/spoiled.safetensors")
if(EXISTS "${WORK}/spoiled.safetensors" OR EXISTS "${WORK}/spoiled.safetensors.part")
  message(FATAL_ERROR "a refused checkpoint left a file")
endif()
file(REMOVE_RECURSE "${WORK}")
