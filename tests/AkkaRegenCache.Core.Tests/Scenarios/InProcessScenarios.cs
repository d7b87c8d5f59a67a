using AkkaRegenCache.Testing.Farms;
using AkkaRegenCache.Testing.Scenarios;


namespace AkkaRegenCache.Core.Tests.Scenarios;

// Every scenario in all modes of a farm in one process. Another mode is a file like this one.

public sealed class ReadThrough_of_objects() : ReadThroughScenarios(InProcessMode.Objects);

public sealed class ReadThrough_serialized() : ReadThroughScenarios(InProcessMode.Serialized);

public sealed class ReadThrough_coordinated() : ReadThroughScenarios(InProcessMode.Coordinated);

public sealed class Regeneration_of_objects() : RegenerationScenarios(InProcessMode.Objects);

public sealed class Regeneration_serialized() : RegenerationScenarios(InProcessMode.Serialized);

public sealed class Regeneration_coordinated() : RegenerationScenarios(InProcessMode.Coordinated);

public sealed class Schedule_of_objects() : ScheduleScenarios(InProcessMode.Objects);

public sealed class Schedule_serialized() : ScheduleScenarios(InProcessMode.Serialized);

public sealed class Schedule_coordinated() : ScheduleScenarios(InProcessMode.Coordinated);

public sealed class Keyspace_of_objects() : KeyspaceScenarios(InProcessMode.Objects);

public sealed class Keyspace_serialized() : KeyspaceScenarios(InProcessMode.Serialized);

public sealed class Keyspace_coordinated() : KeyspaceScenarios(InProcessMode.Coordinated);

public sealed class Memory_of_objects() : MemoryScenarios(InProcessMode.Objects);

public sealed class Memory_serialized() : MemoryScenarios(InProcessMode.Serialized);

public sealed class Memory_coordinated() : MemoryScenarios(InProcessMode.Coordinated);

public sealed class Generator_of_objects() : GeneratorScenarios(InProcessMode.Objects);

public sealed class Generator_serialized() : GeneratorScenarios(InProcessMode.Serialized);

public sealed class Generator_coordinated() : GeneratorScenarios(InProcessMode.Coordinated);

public sealed class Deadlock_of_objects() : DeadlockScenarios(InProcessMode.Objects);

public sealed class Deadlock_serialized() : DeadlockScenarios(InProcessMode.Serialized);

public sealed class Deadlock_coordinated() : DeadlockScenarios(InProcessMode.Coordinated);

public sealed class Change_of_objects() : ChangeScenarios(InProcessMode.Objects);

public sealed class Change_serialized() : ChangeScenarios(InProcessMode.Serialized);

public sealed class Change_coordinated() : ChangeScenarios(InProcessMode.Coordinated);

public sealed class Failure_of_objects() : FailureScenarios(InProcessMode.Objects);

public sealed class Failure_serialized() : FailureScenarios(InProcessMode.Serialized);

public sealed class Failure_coordinated() : FailureScenarios(InProcessMode.Coordinated);

public sealed class Cancellation_of_objects() : CancellationScenarios(InProcessMode.Objects);

public sealed class Cancellation_serialized() : CancellationScenarios(InProcessMode.Serialized);

public sealed class Cancellation_coordinated() : CancellationScenarios(InProcessMode.Coordinated);

public sealed class BadInput_of_objects() : BadInputScenarios(InProcessMode.Objects);

public sealed class BadInput_serialized() : BadInputScenarios(InProcessMode.Serialized);

public sealed class BadInput_coordinated() : BadInputScenarios(InProcessMode.Coordinated);

public sealed class Value_of_objects() : ValueScenarios(InProcessMode.Objects);

public sealed class Value_serialized() : ValueScenarios(InProcessMode.Serialized);

public sealed class Value_coordinated() : ValueScenarios(InProcessMode.Coordinated);

public sealed class StoreFailure_of_objects() : StoreFailureScenarios(InProcessMode.Objects);

public sealed class StoreFailure_serialized() : StoreFailureScenarios(InProcessMode.Serialized);

public sealed class StoreFailure_coordinated() : StoreFailureScenarios(InProcessMode.Coordinated);

public sealed class Lifetime_of_objects() : LifetimeScenarios(InProcessMode.Objects);

public sealed class Lifetime_serialized() : LifetimeScenarios(InProcessMode.Serialized);

public sealed class Lifetime_coordinated() : LifetimeScenarios(InProcessMode.Coordinated);

public sealed class NodeLife_of_objects() : NodeLifeScenarios(InProcessMode.Objects);

public sealed class NodeLife_serialized() : NodeLifeScenarios(InProcessMode.Serialized);

public sealed class NodeLife_coordinated() : NodeLifeScenarios(InProcessMode.Coordinated);

public sealed class Overload_of_objects() : OverloadScenarios(InProcessMode.Objects);

public sealed class Overload_serialized() : OverloadScenarios(InProcessMode.Serialized);

public sealed class Overload_coordinated() : OverloadScenarios(InProcessMode.Coordinated);

public sealed class WhatBreaksOthers_of_objects() : WhatBreaksOthersScenarios(InProcessMode.Objects);

public sealed class WhatBreaksOthers_serialized() : WhatBreaksOthersScenarios(InProcessMode.Serialized);

public sealed class WhatBreaksOthers_coordinated() : WhatBreaksOthersScenarios(InProcessMode.Coordinated);

public sealed class ReadAndRefresh_of_objects() : ReadAndRefreshScenarios(InProcessMode.Objects);

public sealed class ReadAndRefresh_serialized() : ReadAndRefreshScenarios(InProcessMode.Serialized);

public sealed class ReadAndRefresh_coordinated() : ReadAndRefreshScenarios(InProcessMode.Coordinated);

public sealed class StoreTimeout_of_objects() : StoreTimeoutScenarios(InProcessMode.Objects);

public sealed class StoreTimeout_serialized() : StoreTimeoutScenarios(InProcessMode.Serialized);

public sealed class StoreTimeout_coordinated() : StoreTimeoutScenarios(InProcessMode.Coordinated);

public sealed class Recovery_of_objects() : RecoveryScenarios(InProcessMode.Objects);

public sealed class Recovery_serialized() : RecoveryScenarios(InProcessMode.Serialized);

public sealed class Recovery_coordinated() : RecoveryScenarios(InProcessMode.Coordinated);
