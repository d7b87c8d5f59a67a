using AkkaRegenCache.Core.Tests.Scenarios.Harness;

namespace AkkaRegenCache.Core.Tests.Scenarios;

// Every scenario in both modes of a farm in one process. Another mode is a file like this one.

public sealed class ReadThrough_of_objects() : ReadThroughScenarios(InProcessMode.Objects);

public sealed class ReadThrough_serialized() : ReadThroughScenarios(InProcessMode.Serialized);

public sealed class Regeneration_of_objects() : RegenerationScenarios(InProcessMode.Objects);

public sealed class Regeneration_serialized() : RegenerationScenarios(InProcessMode.Serialized);

public sealed class Schedule_of_objects() : ScheduleScenarios(InProcessMode.Objects);

public sealed class Schedule_serialized() : ScheduleScenarios(InProcessMode.Serialized);
