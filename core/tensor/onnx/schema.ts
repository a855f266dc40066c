/**
 * The part of ONNX's own onnx.proto that a recorded graph needs, as a protobufjs descriptor: same message names, field
 * names and numbers. Fields that this program never writes (functions, training, sparse tensors, ...) are left out; a
 * reader treats them as absent.
 *
 * From onnx/onnx.proto of ONNX 1.20, Copyright (c) ONNX Project Contributors, SPDX-License-Identifier: Apache-2.0.
 */
import protobuf from 'protobufjs/light.js';

type Field = { type: string; id: number; rule?: 'repeated'; options?: Record<string, boolean> };
const one = (type: string, id: number): Field => ({ type, id });
const many = (type: string, id: number): Field => ({ type, id, rule: 'repeated', options: { packed: false } });

const descriptor = {
  nested: {
    ModelProto: {
      fields: {
        irVersion: one('int64', 1),
        producerName: one('string', 2),
        graph: one('GraphProto', 7),
        opsetImport: many('OperatorSetIdProto', 8),
      },
    },
    OperatorSetIdProto: { fields: { domain: one('string', 1), version: one('int64', 2) } },
    GraphProto: {
      fields: {
        node: many('NodeProto', 1),
        name: one('string', 2),
        initializer: many('TensorProto', 5),
        input: many('ValueInfoProto', 11),
        output: many('ValueInfoProto', 12),
      },
    },
    NodeProto: {
      fields: {
        input: many('string', 1),
        output: many('string', 2),
        name: one('string', 3),
        opType: one('string', 4),
        attribute: many('AttributeProto', 5),
        domain: one('string', 7),
      },
    },
    AttributeProto: {
      fields: {
        name: one('string', 1),
        f: one('float', 2),
        i: one('int64', 3),
        s: one('bytes', 4),
        floats: many('float', 7),
        ints: many('int64', 8),
        /** AttributeProto.AttributeType: FLOAT 1, INT 2, STRING 3, FLOATS 6, INTS 7. */
        type: one('int32', 20),
      },
    },
    TensorProto: {
      fields: {
        dims: many('int64', 1),
        /** TensorProto.DataType. */
        dataType: one('int32', 2),
        name: one('string', 8),
        rawData: one('bytes', 9),
        /** Keys `location`, `offset`, `length`. */
        externalData: many('StringStringEntryProto', 13),
        /** TensorProto.DataLocation: DEFAULT 0, EXTERNAL 1. */
        dataLocation: one('int32', 14),
      },
    },
    StringStringEntryProto: { fields: { key: one('string', 1), value: one('string', 2) } },
    ValueInfoProto: { fields: { name: one('string', 1), type: one('TypeProto', 2) } },
    TypeProto: { fields: { tensorType: one('TypeProtoTensor', 1) } },
    /** TypeProto.Tensor in onnx.proto; a message's name is not part of the encoding. */
    TypeProtoTensor: { fields: { elemType: one('int32', 1), shape: one('TensorShapeProto', 2) } },
    TensorShapeProto: { fields: { dim: many('Dimension', 1) } },
    /** TensorShapeProto.Dimension: one of the two. */
    Dimension: { fields: { dimValue: one('int64', 1), dimParam: one('string', 2) } },
  },
};

const modelProto = protobuf.Root.fromJSON(descriptor).lookupType('ModelProto');

/** The bytes of an ONNX model file. Throws where a value does not fit its field. */
export function encodeModel(model: Record<string, unknown>): Uint8Array {
  return modelProto.encode(modelProto.create(model)).finish();
}
