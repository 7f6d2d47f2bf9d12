#include "wire/envelope.hpp"

#include "wire/codec.hpp"

namespace relay::wire {

template <class V, Of<ApiError> S>
void fields(V& v, S& s) {
  v("code", s.code);
  v("message", s.message);
}

template <class V, Of<NoData> S>
void fields(V&, S&) {}

namespace codec {

template <class V, Of<Envelope> S>
void fields(V& v, S& s) {
  v("ok", s.ok);
  v("error", s.error);
}

void read_envelope(Decoding& to, JsonView root, Envelope& out) {
  read(to, root, out);
  if (to.ok() && out.ok == out.error.has_value()) to.refuse("ok and error contradict each other");
  out.data = root.find("data");
}

}  // namespace codec

std::string encode_answer() {
  std::string text;
  JsonWriter writer(text);
  codec::write(writer, codec::Envelope{true, std::nullopt, std::nullopt});
  writer.finish();
  return text;
}

std::string encode_refusal(const ApiError& error) {
  std::string text;
  JsonWriter writer(text);
  codec::write(writer, codec::Envelope{false, error, std::nullopt});
  writer.finish();
  return text;
}

template Result<Answer<NoData>> decode_answer<NoData>(std::string_view);

}  // namespace relay::wire
