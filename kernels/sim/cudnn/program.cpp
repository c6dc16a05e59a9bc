// Graphs to programs, and programs to text and back.
#include "program.h"

#include <set>
#include <sstream>

namespace sim::cudnn {
namespace {

cudnnStatus_t bad(const std::string& why) { return refuse(CUDNN_STATUS_BAD_PARAM, why); }

// An operation of the graph with the tensors that it reads and writes.
struct Node {
  StateRef operation;
  std::vector<StateRef> inputs;
  StateRef output;
};

bool is_virtual(const State& tensor) { return tensor.code(CUDNN_ATTR_TENSOR_IS_VIRTUAL, 0) != 0; }

int64_t id(const State& tensor) { return tensor.int64(CUDNN_ATTR_TENSOR_UNIQUE_ID); }

Node node(const StateRef& o) {
  Node n{o, {}, nullptr};
  auto input = [&](int name) {
    if (o->has(name)) n.inputs.push_back(o->part(name));
  };
  switch (o->type) {
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
      input(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X);
      input(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W);
      n.output = o->part(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y);
      break;
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
      input(CUDNN_ATTR_OPERATION_POINTWISE_XDESC);
      input(CUDNN_ATTR_OPERATION_POINTWISE_BDESC);
      n.output = o->part(CUDNN_ATTR_OPERATION_POINTWISE_YDESC);
      break;
    case CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR:
      input(CUDNN_ATTR_OPERATION_SDPA_FWD_QDESC);
      input(CUDNN_ATTR_OPERATION_SDPA_FWD_KDESC);
      input(CUDNN_ATTR_OPERATION_SDPA_FWD_VDESC);
      input(CUDNN_ATTR_OPERATION_SDPA_FWD_SCALEDESC);
      n.output = o->part(CUDNN_ATTR_OPERATION_SDPA_FWD_ODESC);
      break;
    default:
      break;
  }
  return n;
}

cudnnStatus_t check_wiring(const std::vector<Node>& nodes) {
  std::map<int64_t, const State*> by_id;
  std::set<const State*> written, read;
  auto known = [&](const StateRef& t) {
    auto [it, fresh] = by_id.emplace(id(*t), t.get());
    return fresh || it->second == t.get();
  };
  for (const Node& n : nodes) {
    if (!n.output) return bad("the graph holds something that is no operation");
    for (const StateRef& t : n.inputs) {
      if (!known(t)) return bad("two tensors have the id " + std::to_string(id(*t)));
      if (is_virtual(*t) && !written.count(t.get())) {
        return bad("virtual tensor " + std::to_string(id(*t)) + " is read before it is written");
      }
      read.insert(t.get());
    }
    if (!known(n.output)) return bad("two tensors have the id " + std::to_string(id(*n.output)));
    if (!written.insert(n.output.get()).second) {
      return bad("tensor " + std::to_string(id(*n.output)) + " is written twice");
    }
  }
  for (const State* t : written) {
    if (is_virtual(*t) && !read.count(t)) {
      return bad("virtual tensor " + std::to_string(id(*t)) + " is never read");
    }
  }
  return CUDNN_STATUS_SUCCESS;
}

bool element(const State& tensor, Element* out) {
  switch (tensor.code(CUDNN_ATTR_TENSOR_DATA_TYPE)) {
    case CUDNN_DATA_FLOAT:
      *out = Element::kFloat;
      return true;
    case CUDNN_DATA_HALF:
      *out = Element::kHalf;
      return true;
    case CUDNN_DATA_BFLOAT16:
      *out = Element::kBfloat16;
      return true;
    default:
      return false;
  }
}

bool describe(const StateRef& tensor, TensorInfo* out) {
  out->id = id(*tensor);
  out->alignment = tensor->int64(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 1);
  out->by_value = tensor->code(CUDNN_ATTR_TENSOR_IS_BY_VALUE, 0) != 0;
  out->dims = tensor->int64s(CUDNN_ATTR_TENSOR_DIMENSIONS);
  out->strides = tensor->int64s(CUDNN_ATTR_TENSOR_STRIDES);
  return element(*tensor, &out->element);
}

// The one pattern of convolutions: a convolution, then additions and SiLU in a row.
bool convolution(const std::vector<Node>& nodes, Program* p) {
  const State& conv = *nodes[0].operation;
  const State& window = *conv.part(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC);
  bool plain = conv.real(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 1) == 1 &&
               conv.real(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 0) == 0 &&
               window.code(CUDNN_ATTR_CONVOLUTION_CONV_MODE) == CUDNN_CROSS_CORRELATION &&
               window.code(CUDNN_ATTR_CONVOLUTION_COMP_TYPE) == CUDNN_DATA_FLOAT;
  p->kind = Kind::kConvolution;
  p->strides = window.int64s(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES);
  p->dilations = window.int64s(CUDNN_ATTR_CONVOLUTION_DILATIONS);
  p->before = window.int64s(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS);
  p->after = window.int64s(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS);
  if (!plain || !describe(nodes[0].inputs[0], &p->x) || !describe(nodes[0].inputs[1], &p->w)) {
    return false;
  }
  StateRef sum = nodes[0].output;
  for (size_t i = 1; i < nodes.size(); i++) {
    const Node& n = nodes[i];
    if (n.operation->type != CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR || !is_virtual(*sum) ||
        n.inputs[0] != sum) {
      return false;
    }
    const State& function = *n.operation->part(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR);
    Step step;
    int mode = function.code(CUDNN_ATTR_POINTWISE_MODE);
    if (mode == CUDNN_POINTWISE_SWISH_FWD) {
      step.silu = true;
      step.beta = function.real(CUDNN_ATTR_POINTWISE_SWISH_BETA, 1);
    } else if (mode != CUDNN_POINTWISE_ADD || !describe(n.inputs[1], &step.operand)) {
      return false;
    }
    p->steps.push_back(step);
    sum = n.output;
  }
  if (is_virtual(*sum) || !describe(sum, &p->y) || p->x.dims.size() != 4) return false;
  bool one_type = p->x.element == p->w.element && p->x.element == p->y.element;
  // As cuDNN, fused graphs only where the channels are innermost.
  bool last = p->x.channels_last() && p->w.channels_last() && p->y.channels_last();
  return one_type && (!p->fused() || last);
}

bool attention(const Node& n, Program* p) {
  p->kind = Kind::kAttention;
  if (!describe(n.inputs[0], &p->x) || !describe(n.inputs[1], &p->w) ||
      !describe(n.inputs[2], &p->v) || !describe(n.output, &p->y)) {
    return false;
  }
  p->has_scale = n.inputs.size() == 4;
  if (p->has_scale && !describe(n.inputs[3], &p->scale)) return false;
  bool same = p->x.element == p->w.element && p->x.element == p->v.element &&
              p->x.element == p->y.element;
  // As cuDNN: 16-bit types, heads of up to 128 (we allow what it allows), rows without gaps.
  bool inner = p->x.strides[3] == 1 && p->w.strides[3] == 1 && p->v.strides[3] == 1 &&
               p->y.strides[3] == 1;
  return same && inner && p->x.element != Element::kFloat && p->x.dims[3] % 8 == 0 &&
         p->v.dims[3] % 8 == 0;
}

void put(std::ostream& out, const std::vector<int64_t>& list) {
  out << list.size() << ' ';
  for (int64_t v : list) out << v << ' ';
}

void put(std::ostream& out, const TensorInfo& t) {
  out << t.id << ' ' << int(t.element) << ' ' << t.alignment << ' ' << t.by_value << ' ';
  put(out, t.dims);
  put(out, t.strides);
}

bool take(std::istream& in, std::vector<int64_t>* list) {
  size_t count = 0;
  if (!(in >> count) || count > 8) return false;
  list->resize(count);
  for (int64_t& v : *list) in >> v;
  return bool(in);
}

bool take(std::istream& in, TensorInfo* t) {
  int element = 0;
  if (!(in >> t->id >> element >> t->alignment >> t->by_value) || element < 0 || element > 2) {
    return false;
  }
  t->element = Element(element);
  return take(in, &t->dims) && take(in, &t->strides) && t->dims.size() == t->strides.size();
}

}  // namespace

int64_t TensorInfo::extent() const {
  int64_t last = 0;
  for (size_t i = 0; i < dims.size(); i++) last += (dims[i] - 1) * strides[i];
  return last + 1;
}

std::vector<const TensorInfo*> Program::inputs() const {
  std::vector<const TensorInfo*> out = {&x, &w};
  if (kind == Kind::kAttention) out.push_back(&v);
  if (has_scale) out.push_back(&scale);
  for (const Step& s : steps) {
    if (!s.silu) out.push_back(&s.operand);
  }
  return out;
}

cudnnStatus_t compile(const State& graph, std::shared_ptr<const Program>* out) {
  std::vector<Node> nodes;
  for (const StateRef& o : graph.parts(CUDNN_ATTR_OPERATIONGRAPH_OPS)) nodes.push_back(node(o));
  if (nodes.empty()) return bad("a graph without operations");
  if (cudnnStatus_t status = check_wiring(nodes)) return status;
  auto program = std::make_shared<Program>();
  auto first = nodes[0].operation->type;
  bool known =
      first == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR
          ? convolution(nodes, program.get())
          : first == CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR && nodes.size() == 1 &&
                attention(nodes[0], program.get());
  // A legal graph that no engine runs: the heuristics will have nothing to say.
  if (known) *out = program;
  return CUDNN_STATUS_SUCCESS;
}

std::string write(const Program& p) {
  std::ostringstream out;
  out.precision(17);
  out << int(p.kind) << ' ' << p.has_scale << ' ';
  put(out, p.x);
  put(out, p.w);
  put(out, p.y);
  if (p.kind == Kind::kAttention) put(out, p.v);
  if (p.has_scale) put(out, p.scale);
  for (const auto* list : {&p.strides, &p.dilations, &p.before, &p.after}) put(out, *list);
  out << p.steps.size() << ' ';
  for (const Step& s : p.steps) {
    out << s.silu << ' ' << s.beta << ' ';
    if (!s.silu) put(out, s.operand);
  }
  return out.str();
}

bool read(const std::string& text, Program* p) {
  std::istringstream in(text);
  int kind = 0;
  if (!(in >> kind >> p->has_scale) || (kind != 1 && kind != 2)) return false;
  p->kind = Kind(kind);
  if (!take(in, &p->x) || !take(in, &p->w) || !take(in, &p->y)) return false;
  if (p->kind == Kind::kAttention && !take(in, &p->v)) return false;
  if (p->has_scale && !take(in, &p->scale)) return false;
  for (auto* list : {&p->strides, &p->dilations, &p->before, &p->after}) {
    if (!take(in, list)) return false;
  }
  size_t steps = 0;
  if (!(in >> steps) || steps > 16) return false;
  p->steps.resize(steps);
  for (Step& s : p->steps) {
    if (!(in >> s.silu >> s.beta)) return false;
    if (!s.silu && !take(in, &s.operand)) return false;
  }
  return true;
}

}  // namespace sim::cudnn
