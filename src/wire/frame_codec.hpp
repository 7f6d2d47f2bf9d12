#pragma once

// Only for the .cpp files of wire: what node_frames and engine_frames share.

#include <string>
#include <string_view>
#include <variant>

#include "wire/codec.hpp"
#include "wire/node_frames.hpp"

namespace relay::wire::codec {

/// The value of `type` of a frame: specialise for each alternative.
template <class Frame>
inline constexpr std::string_view kFrameType{};

inline constexpr std::uint32_t kProtocolVersion = 1;

template <class V, class Frame>
void frame_fields(V& v, Frame& frame) {
  v.constant("v", kProtocolVersion);
  if constexpr (Of<Frame, UnknownFrame>) {
    v("type", frame.type);
  } else {
    v.constant("type", kFrameType<std::remove_const_t<Frame>>);
    fields(v, frame);
  }
}

template <class Variant>
std::string encode_frame(const Variant& any) {
  std::string text;
  JsonWriter writer(text);
  writer.begin_object();
  FieldWriter to(writer);
  std::visit([&to](const auto& frame) { frame_fields(to, frame); }, any);
  writer.end_object();
  writer.finish();
  return text;
}

/// Reads the frame as `Frame` when `type` is its type. UnknownFrame, the last, takes every type.
template <class Frame, class Variant>
bool read_if_type(Decoding& decoding, JsonView root, const JsonMembers& members,
                  std::string_view type, Variant& out) {
  if constexpr (std::same_as<Frame, UnknownFrame>) {
    if (decoding.strict()) decoding.refuse("type: not one of this direction");
  } else {
    if (type != kFrameType<Frame>) return false;
  }
  FieldReader from(decoding, root, members);
  // `out` is new: what it holds already is as good as another.
  Frame* const frame = std::get_if<Frame>(&out);
  frame_fields(from, frame != nullptr ? *frame : out.template emplace<Frame>());
  return true;
}

template <class... Frames>
void read_frame(Decoding& decoding, JsonView root, std::variant<Frames...>& out) {
  const JsonMembers members = root.members();
  const JsonMembers::Member* const found = members.find("type");
  const auto type = found == nullptr ? std::nullopt : found->value.string();
  (void)(read_if_type<Frames>(decoding, root, members, type.value_or(""), out) || ...);
}

template <class Variant>
Result<Variant> decode_frame(std::string_view text, JsonLimits limits, Strictness strictness) {
  Result<Variant> result;  // the only thing returned, so that a frame is not moved
  const auto document = JsonDocument::parse(text, limits);
  if (!document) {
    result = fail(document.error());
    return result;
  }
  Decoding decoding(strictness);
  read_frame(decoding, document->root(), *result);
  if (!decoding.ok()) result = fail(decoding.error());
  return result;
}

}  // namespace relay::wire::codec
