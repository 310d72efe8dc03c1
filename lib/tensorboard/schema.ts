// The messages of event files, with the names and field numbers of TensorFlow's and TensorBoard's published .proto files;
// what nabla never writes is left out.
import type { Root } from 'protobufjs';

const SCHEMA = `
syntax = "proto3";
package tensorboard;

// event.proto
message Event {
  double wall_time = 1;
  int64 step = 2;
  oneof what {
    string file_version = 3;
    bytes graph_def = 4;
    Summary summary = 5;
    SessionLog session_log = 7;
  }
  SourceMetadata source_metadata = 10;
}
message SourceMetadata { string writer = 1; }
message SessionLog {
  enum SessionStatus { STATUS_UNSPECIFIED = 0; START = 1; STOP = 2; CHECKPOINT = 3; }
  SessionStatus status = 1;
}

// summary.proto, histogram.proto
message SummaryMetadata {
  message PluginData { string plugin_name = 1; bytes content = 2; }
  PluginData plugin_data = 1;
  string display_name = 2;
  string summary_description = 3;
}
message Summary {
  message Image { int32 height = 1; int32 width = 2; int32 colorspace = 3; bytes encoded_image_string = 4; }
  message Audio {
    float sample_rate = 1; int64 num_channels = 2; int64 length_frames = 3; bytes encoded_audio_string = 4;
    string content_type = 5;
  }
  message Value {
    string tag = 1;
    SummaryMetadata metadata = 9;
    oneof value {
      float simple_value = 2;
      Image image = 4;
      HistogramProto histo = 5;
      Audio audio = 6;
      TensorProto tensor = 8;
    }
  }
  repeated Value value = 1;
}
message HistogramProto {
  double min = 1; double max = 2; double num = 3; double sum = 4; double sum_squares = 5;
  repeated double bucket_limit = 6 [packed = true];
  repeated double bucket = 7 [packed = true];
}

// types.proto, tensor_shape.proto, tensor.proto
enum DataType {
  DT_INVALID = 0; DT_FLOAT = 1; DT_DOUBLE = 2; DT_INT32 = 3; DT_UINT8 = 4; DT_INT8 = 6; DT_STRING = 7; DT_INT64 = 9;
  DT_BOOL = 10; DT_BFLOAT16 = 14; DT_HALF = 19;
}
message TensorShapeProto {
  message Dim { int64 size = 1; string name = 2; }
  repeated Dim dim = 2;
}
message TensorProto {
  DataType dtype = 1;
  TensorShapeProto tensor_shape = 2;
  bytes tensor_content = 4;
  repeated float float_val = 5 [packed = true];
  repeated double double_val = 6 [packed = true];
  repeated bytes string_val = 8;
}

// graph.proto, node_def.proto, attr_value.proto, versions.proto
message GraphDef { repeated NodeDef node = 1; VersionDef versions = 4; }
message VersionDef { int32 producer = 1; int32 min_consumer = 2; }
message NodeDef {
  string name = 1; string op = 2; repeated string input = 3; string device = 4; map<string, AttrValue> attr = 5;
}
message AttrValue {
  message ListValue { repeated TensorShapeProto shape = 7; }
  oneof value {
    ListValue list = 1; bytes s = 2; int64 i = 3; float f = 4; bool b = 5; DataType type = 6; TensorShapeProto shape = 7;
  }
}

// plugins/text, plugins/pr_curve, plugins/custom_scalar
message TextPluginData { int32 version = 1; }
message PrCurvePluginData { int32 version = 1; uint32 num_thresholds = 2; }
message Layout { int32 version = 1; repeated Category category = 2; }
message Category { string title = 1; repeated Chart chart = 2; }
message Chart {
  string title = 1;
  oneof content { MultilineChartContent multiline = 2; MarginChartContent margin = 3; }
}
message MultilineChartContent { repeated string tag = 1; }
message MarginChartContent {
  message Series { string value = 1; string lower = 2; string upper = 3; }
  repeated Series series = 1;
}

// google/protobuf/struct.proto, as far as plugins/hparams uses it
message HValue { oneof kind { double number_value = 2; string string_value = 3; bool bool_value = 4; } }
message HList { repeated HValue values = 1; }

// plugins/hparams/plugin_data.proto, plugins/hparams/api.proto
message HParamsPluginData {
  int32 version = 1;
  oneof data { Experiment experiment = 2; SessionStartInfo session_start_info = 3; SessionEndInfo session_end_info = 4; }
}
message SessionStartInfo { map<string, HValue> hparams = 1; double start_time_secs = 5; }
message SessionEndInfo { int32 status = 1; double end_time_secs = 2; }
message Experiment {
  double time_created_secs = 3; repeated HParamInfo hparam_infos = 4; repeated MetricInfo metric_infos = 5;
}
message HParamInfo { string name = 1; int32 type = 4; HList domain_discrete = 5; }
message MetricName { string group = 1; string tag = 2; }
message MetricInfo { MetricName name = 1; }
`;

/** Messages that are encoded by themselves. */
export type MessageName =
  | 'Event'
  | 'GraphDef'
  | 'TextPluginData'
  | 'PrCurvePluginData'
  | 'HParamsPluginData'
  | 'Layout';

/** The fields of a message, in the names of the .proto files. */
export type Fields = Readonly<Record<string, unknown>>;

/** Turns messages into bytes. */
export type Encode = (message: MessageName, fields: Fields) => Uint8Array;

let loading: Promise<Encode> | null = null;

/** Loads protobufjs with the first event: a program that writes none does not wait for it. */
export function loadEncoder(): Promise<Encode> {
  loading ??= import('protobufjs').then(({ default: protobuf }) => {
    const root: Root = protobuf.parse(SCHEMA, { keepCase: true }).root;
    return (message, fields) => root.lookupType(`tensorboard.${message}`).encode(fields).finish();
  });
  return loading;
}
