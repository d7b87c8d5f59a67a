using AkkaRegenCache.Core.Tests.Scenarios.Harness;

namespace AkkaRegenCache.Core.Tests.Scenarios;

// Every scenario in both modes of a farm in one process. Another mode is a file like this one.

public sealed class ReadThrough_of_objects() : ReadThroughScenarios(InProcessMode.Objects);

public sealed class ReadThrough_serialized() : ReadThroughScenarios(InProcessMode.Serialized);

public sealed class Regeneration_of_objects() : RegenerationScenarios(InProcessMode.Objects);

public sealed class Regeneration_serialized() : RegenerationScenarios(InProcessMode.Serialized);

public sealed class Schedule_of_objects() : ScheduleScenarios(InProcessMode.Objects);

public sealed class Schedule_serialized() : ScheduleScenarios(InProcessMode.Serialized);

public sealed class Keyspace_of_objects() : KeyspaceScenarios(InProcessMode.Objects);

public sealed class Keyspace_serialized() : KeyspaceScenarios(InProcessMode.Serialized);

public sealed class Memory_of_objects() : MemoryScenarios(InProcessMode.Objects);

public sealed class Memory_serialized() : MemoryScenarios(InProcessMode.Serialized);

public sealed class Generator_of_objects() : GeneratorScenarios(InProcessMode.Objects);

public sealed class Generator_serialized() : GeneratorScenarios(InProcessMode.Serialized);

public sealed class Change_of_objects() : ChangeScenarios(InProcessMode.Objects);

public sealed class Change_serialized() : ChangeScenarios(InProcessMode.Serialized);

public sealed class Failure_of_objects() : FailureScenarios(InProcessMode.Objects);

public sealed class Failure_serialized() : FailureScenarios(InProcessMode.Serialized);

public sealed class Cancellation_of_objects() : CancellationScenarios(InProcessMode.Objects);

public sealed class Cancellation_serialized() : CancellationScenarios(InProcessMode.Serialized);

public sealed class BadInput_of_objects() : BadInputScenarios(InProcessMode.Objects);

public sealed class BadInput_serialized() : BadInputScenarios(InProcessMode.Serialized);

public sealed class Value_of_objects() : ValueScenarios(InProcessMode.Objects);

public sealed class Value_serialized() : ValueScenarios(InProcessMode.Serialized);

public sealed class StoreFailure_of_objects() : StoreFailureScenarios(InProcessMode.Objects);

public sealed class StoreFailure_serialized() : StoreFailureScenarios(InProcessMode.Serialized);

public sealed class NodeLife_of_objects() : NodeLifeScenarios(InProcessMode.Objects);

public sealed class NodeLife_serialized() : NodeLifeScenarios(InProcessMode.Serialized);

public sealed class WhatBreaksOthers_of_objects() : WhatBreaksOthersScenarios(InProcessMode.Objects);

public sealed class WhatBreaksOthers_serialized() : WhatBreaksOthersScenarios(InProcessMode.Serialized);

public sealed class ReadAndRefresh_of_objects() : ReadAndRefreshScenarios(InProcessMode.Objects);

public sealed class ReadAndRefresh_serialized() : ReadAndRefreshScenarios(InProcessMode.Serialized);

public sealed class StoreTimeout_of_objects() : StoreTimeoutScenarios(InProcessMode.Objects);

public sealed class StoreTimeout_serialized() : StoreTimeoutScenarios(InProcessMode.Serialized);

public sealed class Recovery_of_objects() : RecoveryScenarios(InProcessMode.Objects);

public sealed class Recovery_serialized() : RecoveryScenarios(InProcessMode.Serialized);
