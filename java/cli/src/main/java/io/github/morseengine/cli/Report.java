package io.github.morseengine.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import io.github.morseengine.engine.tensor.AtomicFile;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** A JSON object in the order of its making. Values: text, numbers, flags, null, lists, maps. */
final class Report {

  private final Map<String, Object> values = new LinkedHashMap<>();

  void put(String key, Object value) {
    values.put(key, value);
  }

  Map<String, Object> values() {
    return values;
  }

  void write(Path file) {
    AtomicFile.write(
        file,
        channel -> {
          JsonGenerator json = new JsonFactory().createGenerator(Channels.newOutputStream(channel));
          json.setPrettyPrinter(new DefaultPrettyPrinter());
          value(json, values);
          json.writeRaw('\n');
          json.flush();
        });
  }

  /** {@return the report on one line} */
  String line() {
    StringWriter text = new StringWriter();
    try (JsonGenerator json = new JsonFactory().createGenerator(text)) {
      value(json, values);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return text.toString();
  }

  private static void value(JsonGenerator json, Object value) throws IOException {
    switch (value) {
      case null -> json.writeNull();
      case Map<?, ?> map -> {
        json.writeStartObject();
        for (Map.Entry<?, ?> e : map.entrySet()) {
          json.writeFieldName(String.valueOf(e.getKey()));
          value(json, e.getValue());
        }
        json.writeEndObject();
      }
      case Iterable<?> list -> {
        json.writeStartArray();
        for (Object o : list) {
          value(json, o);
        }
        json.writeEndArray();
      }
      case long[] array -> json.writeArray(array, 0, array.length);
      case Boolean b -> json.writeBoolean(b);
      case Integer i -> json.writeNumber(i);
      case Long l -> json.writeNumber(l);
      case Double d -> number(json, d);
      default -> json.writeString(value.toString());
    }
  }

  /** JSON has no NaN and no infinity. */
  private static void number(JsonGenerator json, double d) throws IOException {
    if (Double.isFinite(d)) {
      json.writeNumber(d);
    } else {
      json.writeNull();
    }
  }
}
