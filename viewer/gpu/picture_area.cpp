// SPDX-License-Identifier: MIT
#include "gpu/picture_area.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "drawing/colours.h"
#include "graph/error.h"
#include "shader_table.h"
#include "vulkan/check.h"
#include "vulkan/program.h"

namespace unblur {
namespace {

constexpr std::uint32_t kBindings = 9;
constexpr int kPathSteps = 8, kDirections = 256;  // shaders/viewer
constexpr int kVerticesPerPiece = 6;

struct LinesPush {
  float canvas_width = 1, canvas_height = 1, area_left = 0, rim = 0;
};

std::uint32_t packed(const Colour& c) {
  const auto code = [](float v) {
    return static_cast<std::uint32_t>(std::lround(std::clamp(v, 0.0F, 1.0F) * 1023));
  };
  return code(c.r) | code(c.g) << 10U | code(c.b) << 20U;
}

std::vector<std::uint32_t> colour_table() {
  std::vector<std::uint32_t> table;
  for (const bool middlebury : {true, false}) {
    for (int i = 0; i < kDirections; ++i) {
      const float angle = 2 * std::numbers::pi_v<float> * (static_cast<float>(i) + 0.5F) / kDirections;
      const Motion unit{0.99999F * std::cos(angle), 0.99999F * std::sin(angle)};
      table.push_back(packed(middlebury ? middlebury_colour(unit) : hsv_colour(unit)));
    }
  }
  for (int k = 0; k <= kPathSteps; ++k)
    table.push_back(packed(time_colour(2 * static_cast<float>(k) / kPathSteps - 1)));
  return table;
}

vk::ShaderHandle make_module(const vk::Device& device, const char* name) {
  const auto code = vk::find_shader(name);
  if (!code) throw ProcessingError(std::string("there is no shader \"") + name + "\" in this build");
  VkShaderModuleCreateInfo info{VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO};
  info.codeSize = code->size_bytes();
  info.pCode = code->data();
  VkShaderModule module = VK_NULL_HANDLE;
  UNBLUR_VK(vkCreateShaderModule(device.get(), &info, nullptr, &module));
  return {device.get(), module};
}

}  // namespace

PictureArea::PictureArea(Gpu& gpu, VkRenderPass render_pass)
    : gpu_(gpu), nothing_(gpu.device(), 16, vk::MemoryUse::kDevice, "no picture") {
  const VkDevice device = gpu.device()->get();
  const std::vector<std::uint32_t> table = colour_table();
  colours_ = vk::Buffer(gpu.device(), table.size() * 4, vk::MemoryUse::kDevice, "colours");
  vk::upload(gpu.device(), *gpu.pipelines(), colours_, std::as_bytes(std::span(table)));

  std::array<VkDescriptorSetLayoutBinding, kBindings> bindings{};
  for (std::uint32_t i = 0; i < kBindings; ++i) {
    bindings.at(i) = {i, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1,
                      VK_SHADER_STAGE_VERTEX_BIT | VK_SHADER_STAGE_FRAGMENT_BIT, nullptr};
  }
  VkDescriptorSetLayoutCreateInfo set_info{VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO};
  set_info.bindingCount = kBindings;
  set_info.pBindings = bindings.data();
  VkDescriptorSetLayout set_layout = VK_NULL_HANDLE;
  UNBLUR_VK(vkCreateDescriptorSetLayout(device, &set_info, nullptr, &set_layout));
  set_layout_ = vk::SetLayoutHandle(device, set_layout);
  const VkPushConstantRange push{VK_SHADER_STAGE_VERTEX_BIT, 0, sizeof(LinesPush)};
  VkPipelineLayoutCreateInfo layout_info{VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO};
  layout_info.setLayoutCount = 1;
  layout_info.pSetLayouts = &set_layout;
  layout_info.pushConstantRangeCount = 1;
  layout_info.pPushConstantRanges = &push;
  VkPipelineLayout layout = VK_NULL_HANDLE;
  UNBLUR_VK(vkCreatePipelineLayout(device, &layout_info, nullptr, &layout));
  layout_ = vk::PipelineLayoutHandle(device, layout);

  const VkDescriptorPoolSize size{VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, kBindings * Canvas::kFrames};
  VkDescriptorPoolCreateInfo pool_info{VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO};
  pool_info.maxSets = Canvas::kFrames;
  pool_info.poolSizeCount = 1;
  pool_info.pPoolSizes = &size;
  VkDescriptorPool pool = VK_NULL_HANDLE;
  UNBLUR_VK(vkCreateDescriptorPool(device, &pool_info, nullptr, &pool));
  pool_ = vk::DescriptorPoolHandle(device, pool);
  for (Frame& frame : frames_) {
    VkDescriptorSetAllocateInfo info{VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO};
    info.descriptorPool = pool;
    info.descriptorSetCount = 1;
    info.pSetLayouts = &set_layout;
    UNBLUR_VK(vkAllocateDescriptorSets(device, &info, &frame.set));
    frame.data = vk::Buffer(gpu.device(), sizeof(ViewData), vk::MemoryUse::kUpload, "view");
    frame.pixels = vk::Buffer(gpu.device(), 6 * 4, vk::MemoryUse::kReadback, "inspected pixels");
  }
  view_ = {device, make_pipeline(render_pass, "viewer_view_vert", "viewer_view_frag", false)};
  lines_ = {device, make_pipeline(render_pass, "viewer_paths_vert", "viewer_paths_frag", true)};
}

VkPipeline PictureArea::make_pipeline(VkRenderPass render_pass, const char* vertex, const char* fragment,
                                      bool blend) {
  const vk::ShaderHandle vertex_module = make_module(*gpu_.device(), vertex);
  const vk::ShaderHandle fragment_module = make_module(*gpu_.device(), fragment);
  std::array<VkPipelineShaderStageCreateInfo, 2> stages{};
  stages[0].sType = stages[1].sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO;
  stages[0].stage = VK_SHADER_STAGE_VERTEX_BIT;
  stages[0].module = vertex_module.get();
  stages[1].stage = VK_SHADER_STAGE_FRAGMENT_BIT;
  stages[1].module = fragment_module.get();
  stages[0].pName = stages[1].pName = "main";

  const VkPipelineVertexInputStateCreateInfo input{VK_STRUCTURE_TYPE_PIPELINE_VERTEX_INPUT_STATE_CREATE_INFO};
  VkPipelineInputAssemblyStateCreateInfo assembly{
      VK_STRUCTURE_TYPE_PIPELINE_INPUT_ASSEMBLY_STATE_CREATE_INFO};
  assembly.topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST;
  VkPipelineViewportStateCreateInfo viewport{VK_STRUCTURE_TYPE_PIPELINE_VIEWPORT_STATE_CREATE_INFO};
  viewport.viewportCount = viewport.scissorCount = 1;
  VkPipelineRasterizationStateCreateInfo raster{VK_STRUCTURE_TYPE_PIPELINE_RASTERIZATION_STATE_CREATE_INFO};
  raster.polygonMode = VK_POLYGON_MODE_FILL;
  raster.cullMode = VK_CULL_MODE_NONE;
  raster.lineWidth = 1;
  VkPipelineMultisampleStateCreateInfo samples{VK_STRUCTURE_TYPE_PIPELINE_MULTISAMPLE_STATE_CREATE_INFO};
  samples.rasterizationSamples = VK_SAMPLE_COUNT_1_BIT;
  VkPipelineColorBlendAttachmentState attachment{};
  attachment.blendEnable = blend ? VK_TRUE : VK_FALSE;
  attachment.srcColorBlendFactor = VK_BLEND_FACTOR_SRC_ALPHA;
  attachment.dstColorBlendFactor = VK_BLEND_FACTOR_ONE_MINUS_SRC_ALPHA;
  attachment.srcAlphaBlendFactor = VK_BLEND_FACTOR_ONE;
  attachment.dstAlphaBlendFactor = VK_BLEND_FACTOR_ONE_MINUS_SRC_ALPHA;
  attachment.colorWriteMask = 0xf;
  VkPipelineColorBlendStateCreateInfo blending{VK_STRUCTURE_TYPE_PIPELINE_COLOR_BLEND_STATE_CREATE_INFO};
  blending.attachmentCount = 1;
  blending.pAttachments = &attachment;
  constexpr std::array kDynamic{VK_DYNAMIC_STATE_VIEWPORT, VK_DYNAMIC_STATE_SCISSOR};
  VkPipelineDynamicStateCreateInfo dynamic{VK_STRUCTURE_TYPE_PIPELINE_DYNAMIC_STATE_CREATE_INFO};
  dynamic.dynamicStateCount = kDynamic.size();
  dynamic.pDynamicStates = kDynamic.data();

  VkGraphicsPipelineCreateInfo info{VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO};
  info.stageCount = stages.size();
  info.pStages = stages.data();
  info.pVertexInputState = &input;
  info.pInputAssemblyState = &assembly;
  info.pViewportState = &viewport;
  info.pRasterizationState = &raster;
  info.pMultisampleState = &samples;
  info.pColorBlendState = &blending;
  info.pDynamicState = &dynamic;
  info.layout = layout_.get();
  info.renderPass = render_pass;
  VkPipeline pipeline = VK_NULL_HANDLE;
  UNBLUR_VK(vkCreateGraphicsPipelines(gpu_.device()->get(), VK_NULL_HANDLE, 1, &info, nullptr, &pipeline));
  return pipeline;
}

void PictureArea::prepare(int index, const ViewContent& content) {
  Frame& frame = frames_.at(static_cast<std::size_t>(index));
  frame.content = content;
  ViewData& data = frame.content.data;
  data.motion_width = content.motion ? content.motion->width : 0;
  data.motion_height = content.motion ? content.motion->height : 0;
  std::memcpy(frame.data.mapped().data(), &data, sizeof data);
  frame.data.flush();

  const auto& [a, b] = content.sides;
  const std::array<const vk::Buffer*, kBindings> buffers{&frame.data,
                                                         &colours_,
                                                         &buffer_or_nothing(a.base),
                                                         &buffer_or_nothing(a.before),
                                                         &buffer_or_nothing(a.after),
                                                         &buffer_or_nothing(b.base),
                                                         &buffer_or_nothing(b.before),
                                                         &buffer_or_nothing(b.after),
                                                         content.motion ? &content.motion->words : &nothing_};
  std::array<VkDescriptorBufferInfo, kBindings> ranges{};
  std::array<VkWriteDescriptorSet, kBindings> writes{};
  for (std::uint32_t i = 0; i < kBindings; ++i) {
    ranges.at(i) = {buffers.at(i)->get(), 0, VK_WHOLE_SIZE};
    writes.at(i) = {VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET};
    writes.at(i).dstSet = frame.set;
    writes.at(i).dstBinding = i;
    writes.at(i).descriptorCount = 1;
    writes.at(i).descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
    writes.at(i).pBufferInfo = &ranges.at(i);
  }
  vkUpdateDescriptorSets(gpu_.device()->get(), kBindings, writes.data(), 0, nullptr);
}

void PictureArea::inspect(VkCommandBuffer commands, int index, int x, int y) {
  Frame& frame = frames_.at(static_cast<std::size_t>(index));
  const auto& [a, b] = frame.content.sides;
  const std::array<const PicturePtr*, 6> pictures{&a.base, &a.before, &a.after, &b.base, &b.before, &b.after};
  const ViewData& data = frame.content.data;
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const PicturePtr& picture = *pictures.at(i);
    if (!picture) continue;
    const int px = x * picture->width / data.picture_width, py = y * picture->height / data.picture_height;
    if (px < 0 || py < 0 || px >= picture->width || py >= picture->height) continue;
    const VkBufferCopy region{4 * (static_cast<VkDeviceSize>(py) * static_cast<VkDeviceSize>(picture->width) +
                                   static_cast<VkDeviceSize>(px)),
                              4 * i, 4};
    vkCmdCopyBuffer(commands, picture->words.get(), frame.pixels.get(), 1, &region);
    gpu_.count_details_read(4);
  }
  VkMemoryBarrier to_host{VK_STRUCTURE_TYPE_MEMORY_BARRIER};
  to_host.srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT;
  to_host.dstAccessMask = VK_ACCESS_HOST_READ_BIT;
  vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &to_host,
                       0, nullptr, 0, nullptr);
}

std::array<std::uint32_t, 6> PictureArea::inspected(int index) const {
  const Frame& frame = frames_.at(static_cast<std::size_t>(index));
  frame.pixels.invalidate();
  std::array<std::uint32_t, 6> words{};
  std::memcpy(words.data(), frame.pixels.mapped().data(), sizeof words);
  return words;
}

void PictureArea::draw(VkCommandBuffer commands, int index, int canvas_width, int canvas_height) {
  const Frame& frame = frames_.at(static_cast<std::size_t>(index));
  const ViewData& data = frame.content.data;
  const VkViewport viewport{0, 0, static_cast<float>(canvas_width), static_cast<float>(canvas_height), 0, 1};
  vkCmdSetViewport(commands, 0, 1, &viewport);
  const auto left = std::clamp(static_cast<int>(data.left), 0, canvas_width);
  const auto top = std::clamp(static_cast<int>(data.top), 0, canvas_height);
  const auto right = std::clamp(static_cast<int>(std::ceil(data.left + data.width)), left, canvas_width);
  const auto bottom = std::clamp(static_cast<int>(std::ceil(data.top + data.height)), top, canvas_height);
  const VkRect2D scissor{
      {left, top}, {static_cast<std::uint32_t>(right - left), static_cast<std::uint32_t>(bottom - top)}};
  vkCmdSetScissor(commands, 0, 1, &scissor);
  vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_GRAPHICS, view_.get());
  vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_GRAPHICS, layout_.get(), 0, 1, &frame.set, 0,
                          nullptr);
  vkCmdDraw(commands, 3, 1, 0, 0);
  if (frame.content.lines && frame.content.motion)
    draw_lines(commands, frame.content, canvas_width, canvas_height);
}

void PictureArea::draw_lines(VkCommandBuffer commands, const ViewContent& content, int canvas_width,
                             int canvas_height) {
  const ViewData& data = content.data;
  vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_GRAPHICS, lines_.get());
  const int columns = (data.picture_width + data.grid - 1) / data.grid;
  const int rows = (data.picture_height + data.grid - 1) / data.grid;
  const int pieces = data.style == 0 ? kPathSteps + 1 : 3;
  const bool twice = data.mode == ViewMode::kSideBySide;
  for (int half = 0; half < (twice ? 2 : 1); ++half) {
    const float width = twice ? data.width / 2 : data.width;
    LinesPush push{static_cast<float>(canvas_width), static_cast<float>(canvas_height),
                   data.left + static_cast<float>(half) * width, 0};
    const VkRect2D scissor{
        {static_cast<int>(std::max(push.area_left, 0.0F)), static_cast<int>(std::max(data.top, 0.0F))},
        {static_cast<std::uint32_t>(std::max(width, 0.0F)),
         static_cast<std::uint32_t>(std::max(data.height, 0.0F))}};
    vkCmdSetScissor(commands, 0, 1, &scissor);
    for (const float rim : {data.line_width / 2, 0.0F}) {
      push.rim = rim;
      vkCmdPushConstants(commands, layout_.get(), VK_SHADER_STAGE_VERTEX_BIT, 0, sizeof push, &push);
      vkCmdDraw(commands, static_cast<std::uint32_t>(pieces * kVerticesPerPiece),
                static_cast<std::uint32_t>(columns * rows), 0, 0);
    }
  }
}

}  // namespace unblur
