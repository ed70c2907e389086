import { Type } from 'typebox';

/** A chart: one number for each label in each data set (contract 2.11). */
export const ChartSchema = Type.Object({
  labels: Type.Array(Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}Z$' })),
  datasets: Type.Array(
    Type.Object({
      label: Type.String(),
      data: Type.Array(Type.Integer({ minimum: 0 })),
      color: Type.Optional(Type.String()),
    }),
  ),
});
