package lacre;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.lang.reflect.GenericArrayType;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Proxy;
import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.net.HttpURLConnection;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Runs a Java function over AWS's Runtime API (SPEC A7): `pkg.Class::method` or `pkg.Class`, where the method takes a stream
 * pair or an event, and a Context or none (SPEC A18). The Lambda interfaces are the package's own; they are met by name and
 * answered by proxies. One class and Java 8, so that the compiled file beside this one runs on every JRE; a test compiles it.
 */
public final class Bootstrap {
  private static final String RUNTIME = "com.amazonaws.services.lambda.runtime.";
  private static final int JSON_DEPTH_LIMIT = 512;

  private final String text;
  private int at;
  private int depth;

  private Bootstrap(String text) {
    this.text = text;
  }

  public static void main(String[] args) throws Exception {
    String api = "http://" + System.getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/";
    Object target;
    Method method;
    try {
      String handler = String.valueOf(System.getenv("_HANDLER"));
      int colons = handler.indexOf("::");
      Class<?> type = load(colons < 0 ? handler : handler.substring(0, colons));
      method = find(type, colons < 0 ? "handleRequest" : handler.substring(colons + 2));
      target = Modifier.isStatic(method.getModifiers()) ? null : type.getConstructor().newInstance();
    } catch (Throwable thrown) {
      Throwable cause = causeOf(thrown);
      log(cause);
      post(api + "init/error", errorObject(cause), cause);
      System.exit(1);
      return;
    }
    while (true) serve(api, target, method);
  }

  private static void serve(String api, Object target, Method method) throws IOException {
    HttpURLConnection next = open(api + "invocation/next");
    byte[] event = readAll(next.getInputStream());
    String id = next.getHeaderField("Lambda-Runtime-Aws-Request-Id");
    String trace = next.getHeaderField("Lambda-Runtime-Trace-Id");
    if (trace == null) System.clearProperty("com.amazonaws.xray.traceHeader");
    else System.setProperty("com.amazonaws.xray.traceHeader", trace);
    String base = api + "invocation/" + id;
    try {
      byte[] answer = call(target, method, event, next);
      post(base + "/response", answer, null);
    } catch (Throwable thrown) {
      Throwable cause = causeOf(thrown);
      log(cause);
      post(base + "/error", errorObject(cause), cause);
      if (cause instanceof VirtualMachineError) System.exit(1);
    }
  }

  private static Class<?> load(String name) throws ClassNotFoundException {
    try {
      return Class.forName(name);
    } catch (ClassNotFoundException missing) {
      throw new ClassNotFoundException("Class not found: " + name);
    }
  }

  /** The one with a Context before one without, then the one with more parameters; what a compiler made besides is passed over. */
  private static Method find(Class<?> type, String name) throws NoSuchMethodException {
    Method found = null;
    for (Method method : type.getMethods()) {
      if (!method.getName().equals(name) || method.isBridge() || !fits(method.getParameterTypes())) continue;
      if (found == null || rank(method) > rank(found)) found = method;
    }
    if (found != null) {
      found.setAccessible(true);
      return found;
    }
    throw new NoSuchMethodException("No public method named " + name + " with appropriate method signature found on " + type);
  }

  private static boolean fits(Class<?>[] types) {
    int count = types.length;
    if (count > 0 && isContext(types[count - 1])) count -= 1;
    return count <= 1 || (count == 2 && types[0] == InputStream.class && types[1] == OutputStream.class);
  }

  private static int rank(Method method) {
    Class<?>[] types = method.getParameterTypes();
    return types.length + (types.length > 0 && isContext(types[types.length - 1]) ? 10 : 0);
  }

  private static boolean isContext(Class<?> type) {
    return type.getName().equals(RUNTIME + "Context");
  }

  private static byte[] call(Object target, Method method, byte[] event, HttpURLConnection head) throws Throwable {
    Class<?>[] types = method.getParameterTypes();
    Type[] generic = method.getGenericParameterTypes();
    Object[] values = new Object[types.length];
    ByteArrayOutputStream output = null;
    for (int index = 0; index < types.length; index++) {
      if (isContext(types[index])) values[index] = context(types[index], head);
      else if (types[index] == InputStream.class) values[index] = new ByteArrayInputStream(event);
      else if (types[index] == OutputStream.class) values[index] = output = new ByteArrayOutputStream();
      else values[index] = convert(parse(new String(event, StandardCharsets.UTF_8)), generic[index]);
    }
    Object answer = method.invoke(target, values);
    if (output != null) return output.toByteArray();
    StringBuilder json = new StringBuilder();
    write(json, answer, 0);
    return json.toString().getBytes(StandardCharsets.UTF_8);
  }

  private static Object context(Class<?> type, HttpURLConnection head) {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("getAwsRequestId", head.getHeaderField("Lambda-Runtime-Aws-Request-Id"));
    values.put("getInvokedFunctionArn", head.getHeaderField("Lambda-Runtime-Invoked-Function-Arn"));
    values.put("getLogGroupName", System.getenv("AWS_LAMBDA_LOG_GROUP_NAME"));
    values.put("getLogStreamName", System.getenv("AWS_LAMBDA_LOG_STREAM_NAME"));
    values.put("getFunctionName", System.getenv("AWS_LAMBDA_FUNCTION_NAME"));
    values.put("getFunctionVersion", System.getenv("AWS_LAMBDA_FUNCTION_VERSION"));
    values.put("getMemoryLimitInMB", Integer.valueOf(System.getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")));
    long deadline = Long.parseLong(head.getHeaderField("Lambda-Runtime-Deadline-Ms"));
    String client = head.getHeaderField("Lambda-Runtime-Client-Context");
    return proxy(type, (self, method, args) -> {
      if (method.getName().equals("getRemainingTimeInMillis"))
        return (int) Math.max(0, deadline - System.currentTimeMillis());
      if (method.getName().equals("getLogger")) return proxy(method.getReturnType(), Bootstrap::logLine);
      if (method.getName().equals("getClientContext") && client != null)
        return clientContext(method.getReturnType(), (Map<?, ?>) parse(client));
      return values.get(method.getName());
    });
  }

  private static Object clientContext(Class<?> type, Map<?, ?> values) {
    return proxy(type, (self, method, args) -> {
      if (method.getName().equals("getCustom")) return values.get("custom");
      if (method.getName().equals("getEnvironment")) return values.get("env");
      Object client = values.get("client");
      if (!method.getName().equals("getClient") || !(client instanceof Map)) return null;
      return proxy(method.getReturnType(), (inner, getter, none) -> ((Map<?, ?>) client).get(snake(getter.getName())));
    });
  }

  /** `getAppVersionCode` is `app_version_code`. */
  private static String snake(String getter) {
    return getter.replaceFirst("^get", "").replaceAll("(?<=.)([A-Z])", "_$1").toLowerCase();
  }

  private static Object logLine(Object self, Method method, Object[] args) throws IOException {
    if (args == null) return null;
    byte[] line = args[0] instanceof byte[] ? (byte[]) args[0] : String.valueOf(args[0]).getBytes(StandardCharsets.UTF_8);
    System.out.write(line);
    System.out.flush();
    return null;
  }

  private static Object proxy(Class<?> type, InvocationHandler handler) {
    return Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (self, method, args) -> {
      if (method.getDeclaringClass() != Object.class) return handler.invoke(self, method, args);
      if (method.getName().equals("hashCode")) return System.identityHashCode(self);
      return method.getName().equals("equals") ? (Object) (self == args[0]) : type.getName();
    });
  }

  // The Runtime API.

  private static HttpURLConnection open(String url) throws IOException {
    HttpURLConnection connection = (HttpURLConnection) new URL(url).openConnection();
    connection.setUseCaches(false);
    return connection;
  }

  private static void post(String url, byte[] body, Throwable thrown) throws IOException {
    HttpURLConnection connection = open(url);
    connection.setDoOutput(true);
    connection.setRequestMethod("POST");
    connection.setRequestProperty("Content-Type", "application/json");
    if (thrown != null)
      connection.setRequestProperty("Lambda-Runtime-Function-Error-Type", thrown.getClass().getName());
    connection.setFixedLengthStreamingMode(body.length);
    try (OutputStream output = connection.getOutputStream()) {
      output.write(body);
    }
    // 413: AWS's own error has taken the place of the answer.
    InputStream answer = connection.getResponseCode() < 400 ? connection.getInputStream() : connection.getErrorStream();
    if (answer != null) readAll(answer);
  }

  private static byte[] readAll(InputStream input) throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    byte[] part = new byte[65536];
    for (int count = input.read(part); count >= 0; count = input.read(part)) all.write(part, 0, count);
    input.close();
    return all.toByteArray();
  }

  // Errors.

  private static Throwable causeOf(Throwable thrown) {
    boolean wrapped = thrown instanceof InvocationTargetException && thrown.getCause() != null;
    return wrapped ? thrown.getCause() : thrown;
  }

  private static void log(Throwable thrown) {
    StringBuilder lines = new StringBuilder(String.valueOf(thrown));
    for (StackTraceElement element : ownFrames(thrown)) lines.append("\n\tat ").append(element);
    System.out.println(lines);
    System.out.flush();
  }

  private static byte[] errorObject(Throwable thrown) {
    Map<String, Object> told = new LinkedHashMap<>();
    told.put("errorMessage", thrown.getMessage());
    told.put("errorType", thrown.getClass().getName());
    List<String> trace = new ArrayList<>();
    for (StackTraceElement element : ownFrames(thrown)) trace.add(element.toString());
    told.put("stackTrace", trace);
    StringBuilder json = new StringBuilder();
    write(json, told, 0);
    return json.toString().getBytes(StandardCharsets.UTF_8);
  }

  /** The stack above this file: what the function's author can read. */
  private static List<StackTraceElement> ownFrames(Throwable thrown) {
    List<StackTraceElement> frames = new ArrayList<>();
    for (StackTraceElement element : thrown.getStackTrace()) {
      String name = element.getClassName();
      if (name.startsWith("lacre.") || name.contains("reflect.")) break;
      frames.add(element);
    }
    return frames;
  }

  // JSON to values of the handler's type, and back.

  private static Object convert(Object value, Type wanted) throws Exception {
    if (wanted instanceof ParameterizedType) {
      ParameterizedType type = (ParameterizedType) wanted;
      Type[] inner = type.getActualTypeArguments();
      return convertTo(value, (Class<?>) type.getRawType(), inner[inner.length - 1]);
    }
    if (wanted instanceof GenericArrayType)
      return convertArray(value, ((GenericArrayType) wanted).getGenericComponentType());
    return wanted instanceof Class ? convertTo(value, (Class<?>) wanted, Object.class) : value;
  }

  private static Object convertTo(Object value, Class<?> type, Type inner) throws Exception {
    if (value == null) {
      if (type.isPrimitive()) return convertTo(type == boolean.class ? false : (Object) 0, type, inner);
      return null;
    }
    if (type == Object.class) return value;
    if (type == String.class || type == CharSequence.class) {
      if (value instanceof Map || value instanceof List) throw mismatch(value, type);
      return value.toString();
    }
    if (type == boolean.class || type == Boolean.class) {
      if (!(value instanceof Boolean)) throw mismatch(value, type);
      return value;
    }
    if (type.isPrimitive() || Number.class.isAssignableFrom(type)) return convertNumber(value, type);
    if (type.isEnum()) {
      for (Object constant : type.getEnumConstants()) if (((Enum<?>) constant).name().equals(value)) return constant;
      throw mismatch(value, type);
    }
    if (type.isArray()) return convertArray(value, type.getComponentType());
    if (value instanceof List && type.isAssignableFrom(ArrayList.class)) {
      List<Object> items = new ArrayList<>();
      for (Object item : (List<?>) value) items.add(convert(item, inner));
      return items;
    }
    if (value instanceof List && Set.class.isAssignableFrom(type)) {
      Set<Object> items = new LinkedHashSet<>();
      for (Object item : (List<?>) value) items.add(convert(item, inner));
      return items;
    }
    if (!(value instanceof Map)) throw mismatch(value, type);
    if (type.isAssignableFrom(LinkedHashMap.class)) {
      Map<Object, Object> members = new LinkedHashMap<>();
      for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet())
        members.put(entry.getKey(), convert(entry.getValue(), inner));
      return members;
    }
    return fill(type.getConstructor().newInstance(), (Map<?, ?>) value);
  }

  private static Object convertArray(Object value, Type component) throws Exception {
    if (!(value instanceof List) || !(component instanceof Class)) throw mismatch(value, Object[].class);
    List<?> items = (List<?>) value;
    Object array = Array.newInstance((Class<?>) component, items.size());
    for (int index = 0; index < items.size(); index++) Array.set(array, index, convert(items.get(index), component));
    return array;
  }

  private static Object convertNumber(Object value, Class<?> type) {
    BigDecimal number;
    try {
      number = new BigDecimal(value.toString());
    } catch (NumberFormatException wrong) {
      throw mismatch(value, type);
    }
    if (type == int.class || type == Integer.class) return number.intValue();
    if (type == long.class || type == Long.class) return number.longValue();
    if (type == double.class || type == Double.class) return number.doubleValue();
    if (type == float.class || type == Float.class) return number.floatValue();
    if (type == short.class || type == Short.class) return number.shortValue();
    if (type == byte.class || type == Byte.class) return number.byteValue();
    if (type == BigInteger.class) return number.toBigInteger();
    if (type.isAssignableFrom(BigDecimal.class)) return number;
    throw mismatch(value, type);
  }

  /** A bean: by its setters, then by its public fields; members it does not know are passed over. */
  private static Object fill(Object bean, Map<?, ?> values) throws Exception {
    for (Method method : bean.getClass().getMethods()) {
      if (!method.getName().startsWith("set") || method.getParameterTypes().length != 1) continue;
      String name = property(method.getName().substring(3));
      if (values.containsKey(name)) method.invoke(bean, convert(values.get(name), method.getGenericParameterTypes()[0]));
    }
    for (Field field : bean.getClass().getFields()) {
      boolean own = !Modifier.isStatic(field.getModifiers()) && !Modifier.isFinal(field.getModifiers());
      if (own && values.containsKey(field.getName()))
        field.set(bean, convert(values.get(field.getName()), field.getGenericType()));
    }
    return bean;
  }

  private static String property(String name) {
    return name.isEmpty() ? name : Character.toLowerCase(name.charAt(0)) + name.substring(1);
  }

  private static IllegalArgumentException mismatch(Object value, Class<?> type) {
    String given = value == null ? "null" : value.getClass().getSimpleName();
    return new IllegalArgumentException("the event's " + given + " is no " + type.getName());
  }

  private static void write(StringBuilder json, Object value, int depth) {
    if (depth > JSON_DEPTH_LIMIT) throw new IllegalArgumentException("the answer is nested too deeply");
    if (value == null || value instanceof Boolean || (value instanceof Number && isFinite((Number) value))) {
      json.append(value);
    } else if (value instanceof Map) {
      String separator = "{";
      for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet())
        separator = writeMember(json, separator, String.valueOf(entry.getKey()), entry.getValue(), depth);
      json.append(separator.equals("{") ? "{}" : "}");
    } else if (value instanceof Iterable || value.getClass().isArray()) {
      writeItems(json, value, depth);
    } else if (value instanceof CharSequence || value instanceof Character || value instanceof Enum || value instanceof Number) {
      writeText(json, value instanceof Enum ? ((Enum<?>) value).name() : value.toString());
    } else {
      writeBean(json, value, depth);
    }
  }

  private static boolean isFinite(Number value) {
    return !Double.isNaN(value.doubleValue()) && (value instanceof BigDecimal || value instanceof BigInteger || !Double.isInfinite(value.doubleValue()));
  }

  private static String writeMember(StringBuilder json, String separator, String name, Object value, int depth) {
    json.append(separator);
    writeText(json, name);
    json.append(':');
    write(json, value, depth + 1);
    return ",";
  }

  private static void writeItems(StringBuilder json, Object value, int depth) {
    Collection<Object> items = new ArrayList<>();
    if (value instanceof Iterable) for (Object item : (Iterable<?>) value) items.add(item);
    else for (int index = 0; index < Array.getLength(value); index++) items.add(Array.get(value, index));
    json.append('[');
    String separator = "";
    for (Object item : items) {
      json.append(separator);
      write(json, item, depth + 1);
      separator = ",";
    }
    json.append(']');
  }

  private static void writeBean(StringBuilder json, Object bean, int depth) {
    Map<String, Object> members = new java.util.TreeMap<>();
    try {
      for (Method method : bean.getClass().getMethods()) {
        if (method.getParameterTypes().length > 0 || method.getDeclaringClass() == Object.class) continue;
        String name = method.getName();
        String rest = name.startsWith("get") ? name.substring(3) : name.startsWith("is") ? name.substring(2) : "";
        if (rest.isEmpty() || method.getReturnType() == void.class || Modifier.isStatic(method.getModifiers())) continue;
        method.setAccessible(true);
        members.put(property(rest), method.invoke(bean));
      }
      for (Field field : bean.getClass().getFields())
        if (!Modifier.isStatic(field.getModifiers())) members.put(field.getName(), field.get(bean));
    } catch (ReflectiveOperationException failed) {
      throw new IllegalArgumentException("the answer cannot be written as JSON", causeOf(failed));
    }
    write(json, members, depth);
  }

  private static void writeText(StringBuilder json, String value) {
    json.append('"');
    for (int index = 0; index < value.length(); index++) {
      char c = value.charAt(index);
      if (c == '"' || c == '\\') json.append('\\').append(c);
      else if (c < 0x20 || Character.isSurrogate(c)) json.append(String.format("\\u%04x", (int) c));
      else json.append(c);
    }
    json.append('"');
  }

  private static Object parse(String json) {
    Bootstrap reader = new Bootstrap(json);
    Object value = reader.value();
    reader.space();
    if (reader.at < json.length()) throw reader.malformed();
    return value;
  }

  private IllegalArgumentException malformed() {
    return new IllegalArgumentException("the event is no JSON at character " + at);
  }

  private void space() {
    while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) at++;
  }

  private boolean take(char c) {
    space();
    if (at >= text.length() || text.charAt(at) != c) return false;
    at++;
    return true;
  }

  private void expect(char c) {
    if (!take(c)) throw malformed();
  }

  private Object value() {
    if (++depth > JSON_DEPTH_LIMIT) throw malformed();
    try {
      if (take('{')) return members();
      if (take('[')) return items();
      if (take('"')) return string();
      return literal();
    } finally {
      depth--;
    }
  }

  private Map<String, Object> members() {
    Map<String, Object> members = new LinkedHashMap<>();
    if (take('}')) return members;
    do {
      expect('"');
      String name = string();
      expect(':');
      members.put(name, value());
    } while (take(','));
    expect('}');
    return members;
  }

  private List<Object> items() {
    List<Object> items = new ArrayList<>();
    if (take(']')) return items;
    do items.add(value()); while (take(','));
    expect(']');
    return items;
  }

  private String string() {
    StringBuilder string = new StringBuilder();
    while (at < text.length()) {
      char c = text.charAt(at++);
      if (c == '"') return string.toString();
      if (c < 0x20) throw malformed();
      string.append(c == '\\' ? escaped() : c);
    }
    throw malformed();
  }

  private char escaped() {
    if (at >= text.length()) throw malformed();
    char c = text.charAt(at++);
    int known = "\"\\/bfnrt".indexOf(c);
    if (known >= 0) return "\"\\/\b\f\n\r\t".charAt(known);
    if (c != 'u' || at + 4 > text.length()) throw malformed();
    at += 4;
    try {
      return (char) Integer.parseInt(text.substring(at - 4, at), 16);
    } catch (NumberFormatException wrong) {
      throw malformed();
    }
  }

  private Object literal() {
    int from = at;
    while (at < text.length() && "+-.0123456789abcdefghijklmnopqrstuvwxyzE".indexOf(text.charAt(at)) >= 0) at++;
    String word = text.substring(from, at);
    if (word.equals("null")) return null;
    if (word.equals("true") || word.equals("false")) return word.equals("true");
    if (!word.matches("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?")) throw malformed();
    if (!word.matches("-?[0-9]+")) return Double.valueOf(word);
    BigInteger number = new BigInteger(word);
    if (number.bitLength() < 32) return number.intValue();
    return number.bitLength() < 64 ? (Object) number.longValue() : number;
  }
}
